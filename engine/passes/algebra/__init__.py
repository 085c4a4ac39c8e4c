"""What several passes and the merging of plans share: orientation and decode scale.

Knows no passes and no pixels.
"""

from engine.passes.algebra.decode_scale import WORTH, ample, decoded_at, deepest, first_scaling
from engine.passes.algebra.orientation import carried_down

__all__ = ["WORTH", "ample", "carried_down", "decoded_at", "deepest", "first_scaling"]
