"""The memory of a worker: how much there is, and how renderings share it.

Knows nothing about children.
"""

from service.sandbox.parent.memory.budget import MemoryBudget, Share
from service.sandbox.parent.memory.limit import memory_for_works, memory_limit

__all__ = ["MemoryBudget", "Share", "memory_for_works", "memory_limit"]
