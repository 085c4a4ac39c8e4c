"""What several passes and the merging of plans share: orientation and decode scale.

Knows no passes and no pixels.
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
