"""Scaling by fast_image_resize, in 8 bits between its two passes."""

from functools import cache
from threading import local

from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions, Resizer, ResizerThreadPool

from engine.raster.buffers import require
from engine.raster.raster import Raster


class _Own(local):
    """A scaler for each thread: one is used by one at a time."""

    def __init__(self) -> None:
        self.resizer = Resizer()


_OWN = _Own()
# Alpha is multiplied in already, and is a band like another.
LANCZOS, CATMULL_ROM = map(ResizeAlg.convolution, (FilterType.lanczos3, FilterType.catmull_rom))
SHRINKING, ENLARGING = (ResizeOptions(way, use_alpha=False) for way in (LANCZOS, CATMULL_ROM))
LARGE = 8_000_000  # bytes, from which on threads are worth being woken


@cache
def _in_threads(count: int) -> tuple[ResizeOptions, ResizeOptions]:
    """Give the same options with threads, which stay."""
    pool = ResizerThreadPool(count)
    shrinking, enlarging = (
        ResizeOptions(way, use_alpha=False, thread_pool=pool) for way in (LANCZOS, CATMULL_ROM)
    )
    return shrinking, enlarging


def resample(raster: Raster, width: int, height: int, threads: int = 1) -> Raster:
    """Scale each direction with Lanczos-3 if it shrinks, Catmull-Rom if it grows.

    More threads than one are used for a large raster; they make the same of it.
    """
    shrinking, enlarging = SHRINKING, ENLARGING
    if threads > 1 and raster.size >= LARGE:
        shrinking, enlarging = _in_threads(threads)
    between = min(raster.width, width), min(raster.height, height)
    if between != (raster.width, raster.height):
        raster = _scaled(raster, *between, shrinking)
    if between != (width, height):
        raster = _scaled(raster, width, height, enlarging)
    return raster


def _scaled(raster: Raster, width: int, height: int, options: ResizeOptions) -> Raster:
    require(raster.height * width * raster.bands)  # what is scaled in one direction
    made = Raster.blank(width, height, raster.bands)
    _OWN.resizer.resize(raster.data, made.data, options)
    return made
