"""Images of 8 bits in memory: decoded and encoded by libjpeg-turbo, scaled by fast_image_resize.

Knows nothing of plans, and nothing of libvips.
"""

from engine.raster.jpeg import Subsampling, decode, encode
from engine.raster.raster import GAUGE, KINDS, Raster
from engine.raster.scaling import resample

__all__ = ["GAUGE", "KINDS", "Raster", "Subsampling", "decode", "encode", "resample"]
