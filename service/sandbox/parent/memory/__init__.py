"""Memory of a worker: how much there is, and which works share it.

Knows nothing of children.
"""

from service.sandbox.parent.memory.budget import MemoryBudget, Share
from service.sandbox.parent.memory.limit import memory_for_works, memory_limit

__all__ = ["MemoryBudget", "Share", "memory_for_works", "memory_limit"]
