"""Scaling by fast_image_resize, in 8 bits between its two passes.

Of memory that is not its own it knows images of Pillow alone: so pixels are shown to it.
"""

from functools import cache
from math import nextafter
from threading import local

from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer, ResizerThreadPool

from engine.geometry import Box
from engine.raster.buffers import require
from engine.raster.raster import Raster


class _Scaler(local):
    """A scaler for each thread: one is used by one at a time."""

    def __init__(self) -> None:
        self.resizer = Resizer()


_SCALER = _Scaler()
# By bytes a pixel, as Pillow calls them. Alpha is multiplied in already, so it is a band like
# another: the one kind of four bytes of which none is an alpha is CMYK.
MODES = {1: "L", 4: "CMYK"}
LANCZOS, CATMULL_ROM = map(ResizeAlg.convolution, (FilterType.lanczos3, FilterType.catmull_rom))
SHRINKING, ENLARGING = (ResizeOptions(way, use_alpha=False) for way in (LANCZOS, CATMULL_ROM))
BESIDE = 1e-6  # of a given pixel; no two pixels' centres are so near without being the same
LARGE = 8_000_000  # bytes, from which on threads are worth being woken


@cache
def _in_threads(count: int) -> tuple[ResizeOptions, ResizeOptions]:
    """Give the same options with threads, which stay."""
    pool = ResizerThreadPool(count)
    shrinking, enlarging = (
        ResizeOptions(way, use_alpha=False, thread_pool=pool) for way in (LANCZOS, CATMULL_ROM)
    )
    return shrinking, enlarging


def resample(
    raster: Raster, width: int, height: int, threads: int = 1, window: Box | None = None
) -> Raster:
    """Scale each direction with Lanczos-3 if it shrinks, Catmull-Rom if it grows.

    Of the scaled image only `window` is made. More threads than one are used for a large raster;
    they make the same of it.
    """
    shrinking, enlarging = SHRINKING, ENLARGING
    if threads > 1 and raster.size >= LARGE:
        shrinking, enlarging = _in_threads(threads)
    size = raster.width, raster.height
    if size == (width, height):
        return raster if window is None else raster.crop(*window)
    between = min(raster.width, width), min(raster.height, height)
    if between == (width, height):
        return _scaled(raster, width, height, shrinking, window)
    if between != size:
        raster = _scaled(raster, *between, shrinking)
    return _scaled(raster, width, height, enlarging, window)


def _scaled(
    raster: Raster, width: int, height: int, options: ResizeOptions, window: Box | None = None
) -> Raster:
    require(raster.width * height * raster.step)  # what is scaled in one direction
    if window is not None:
        across = _span(window.left, window.width, width, raster.width)
        down = _span(window.top, window.height, height, raster.height)
        options = options.copy()
        options.crop_box = CropBox(across[0], down[0], across[1], down[1])
        width, height = window.size
    made = Raster.blank(width, height, raster.bands)
    mode = MODES[raster.step]
    _SCALER.resizer.resize_pil(raster.shown_as(mode), made.shown_as(mode), options)
    return made


def _span(start: int, length: int, made: int, given: int) -> tuple[float, float]:
    """Give where a part of a scaled side begins on the side that it is made from, and its length.

    What lies beside it there is read all the same, so the pixels are those of the whole. It begins
    beside its place, by less than shows: where the centre of the first or last pixel is that of a
    given one, the scaler (4.0.1) passes over its weights of 0, and reads for the pixel next to it
    what lies outside its buffer: a wrong pixel, or a crash.
    """
    first = start * given / made + BESIDE
    span = min(length * given / made, given - first)
    while first + span > given:  # by a rounding, which the scaler would refuse
        span = nextafter(span, 0)
    return first, span
