"""`darkroom dev`: a complete installation on one machine, and a demo batch.

Knows the API and the worker as commands that it starts, not as code.
"""

from service.dev.stack import first_exit, run_stack

__all__ = ["first_exit", "run_stack"]
