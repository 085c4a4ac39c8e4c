"""Shared by several passes and the merging of plans: orientation and decode scale.

Knows nothing about passes or pixels.
"""

from engine.passes.algebra.decode_scale import (
    MIN_BOUNDED_PIXELS,
    decoded_at,
    first_scaling,
    large_enough,
    max_shrink,
)
from engine.passes.algebra.orientation import push_down

__all__ = [
    "MIN_BOUNDED_PIXELS",
    "decoded_at",
    "first_scaling",
    "large_enough",
    "max_shrink",
    "push_down",
]
