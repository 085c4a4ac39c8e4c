"""JPEG by libjpeg-turbo, for ordinary files only."""

from enum import Enum

import engine.raster.environment  # noqa: F401  # isort: skip - numpy's library reads it
import simplejpeg

from engine.raster.buffers import blank_bytes, writable
from engine.raster.raster import Raster


class Subsampling(Enum):
    """How much of the colours is stored, by simplejpeg's names."""

    FULL = "444"
    QUARTER = "420"


def decode(data: object, width: int, height: int, shrink: int = 1) -> Raster | None:
    """Decode a file of this size in RGB, at 1/1, 1/2, 1/4 or 1/8 of it; sides are rounded down.

    None for a file that libjpeg has anything to say about, error or warning: another decoder is
    to judge it.
    """
    wide, high = -(-width // shrink), -(-height // shrink)
    least = {"min_width": wide, "min_height": high} if shrink > 1 else {}
    pixels = blank_bytes(4 * wide * high)
    try:
        made = simplejpeg.decode_jpeg(data, "RGBX", strict=True, buffer=writable(pixels), **least)
    except ValueError:
        return None
    if made.shape != (high, wide, 4):
        return None
    whole = Raster(wide, high, 3, memoryview(pixels))
    if width % shrink == height % shrink == 0:
        return whole
    return whole.crop(0, 0, width // shrink, height // shrink)


def first_complaint(data: bytes) -> str:
    """Decode a file at an eighth of its size, and give the first thing libjpeg says of it.

    Empty if it says nothing.
    """
    try:
        _, _, colours, _ = simplejpeg.decode_jpeg_header(data)
        wanted = "CMYK" if colours in {"CMYK", "YCCK"} else "RGB"
        simplejpeg.decode_jpeg(data, wanted, strict=True, min_height=1, min_width=1)
    except ValueError as error:
        return str(error) or "no words"
    return ""


def encode(raster: Raster, quality: int, subsampling: Subsampling) -> bytes:
    """Write a baseline file of RGB, with the standard's own tables."""
    rows = raster.pixels.cast("B", (raster.height, raster.width, raster.step))
    return bytes(simplejpeg.encode_jpeg(rows, quality, "RGBX", colorsubsampling=subsampling.value))
