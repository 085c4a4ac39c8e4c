"""`darkroom dev`: a whole installation on one machine, and one real batch."""

from service.dev.stack import first_death, run_stack

__all__ = ["first_death", "run_stack"]
