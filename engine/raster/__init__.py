"""Images of 8 bits in memory: decoded, encoded, scaled and compared without libvips.

Knows nothing about plans, and nothing about libvips.
"""

from engine.raster.jpeg import Subsampling, decode, encode, first_complaint
from engine.raster.raster import GAUGE, Raster, step_of
from engine.raster.scaling import resample
from engine.raster.similarity import structural_similarity

__all__ = [
    "GAUGE",
    "Raster",
    "Subsampling",
    "decode",
    "encode",
    "first_complaint",
    "resample",
    "step_of",
    "structural_similarity",
]
