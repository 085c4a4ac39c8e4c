"""Admission: how the renderings of a worker share its memory, and leave room for quick ones.

Knows nothing about children.
"""

from service.sandbox.parent.admission.budget import AT_REST_BYTES, SPARE, Budget, Share
from service.sandbox.parent.admission.limit import memory_for_works, memory_limit, resting_children
from service.sandbox.parent.admission.turns import Turns

__all__ = [
    "AT_REST_BYTES",
    "SPARE",
    "Budget",
    "Share",
    "Turns",
    "memory_for_works",
    "memory_limit",
    "resting_children",
]
