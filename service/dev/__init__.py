"""`darkroom dev`: a complete installation on one machine, and a demo batch.

Knows the API and the worker only as commands that it starts.
"""

from service.dev.stack import first_exit, run_stack

__all__ = ["first_exit", "run_stack"]
