"""Lowering: each node becomes one idiom of libvips or of rasters in memory.

Knows nothing about why a plan is in this order.
"""

from engine.lower.colour import palette_in_srgb
from engine.lower.context import LoweringContext, run
from engine.lower.overlay import prepare_layers
from engine.lower.pipeline import lower
from engine.lower.rasters import encode_result, materialise

__all__ = [
    "LoweringContext",
    "encode_result",
    "lower",
    "materialise",
    "palette_in_srgb",
    "prepare_layers",
    "run",
]
