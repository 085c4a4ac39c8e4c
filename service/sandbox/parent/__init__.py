"""The parent's side of the sandbox: a pool of child processes, their deadlines and results.

Knows nothing about storage, SQL or HTTP.
"""

from service.sandbox.parent.admission import (
    Budget,
    memory_for_works,
    memory_limit,
    resting_children,
)
from service.sandbox.parent.pool import Sandbox

__all__ = ["Budget", "Sandbox", "memory_for_works", "memory_limit", "resting_children"]
