"""Encodes results: once, or repeatedly to search for a quality."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from engine.execute.quality_search import search_quality
from engine.ir import Frame, Plan
from engine.lower import encode_result
from engine.raster import Raster, structural_similarity
from engine.schema import Format
from engine.vips import Palette, Pixels, as_image, as_raster, reread


def encode(
    pixels: Pixels, plan: Plan, labels: Mapping[str, bytes], palette: Palette | None = None
) -> bytes:
    """Encode the result of a plan; BytesExceeded if no quality is short enough.

    `palette` has its colours, if it is written as places among them.
    """
    save = plan.save
    if save.search is None:
        return encode_result(pixels, plan.frame, save, labels, plan.exact, palette=palette)
    kept = as_raster(pixels) if plan.frame.pages == 1 else as_image(pixels).copy_memory()
    compared = () if save.search.least_ssim is None else tuple(_compared(kept, plan.frame))

    def encode_at(quality: int) -> bytes:
        tried = replace(save, quality=quality, search=None)
        return encode_result(kept, plan.frame, tried, labels, plan.exact)

    def similarity(data: bytes) -> float:
        return min(map(structural_similarity, compared, _reread(data, save.format, len(compared))))

    return search_quality(save.search, save.quality, encode_at, similarity)


def _compared(pixels: Pixels, frame: Frame) -> Iterator[Raster]:
    """Yield what a result is judged by: of an animation the first frame and the last."""
    if isinstance(pixels, Raster):
        yield pixels
        return
    for top in (0, pixels.height - frame.height):
        yield as_raster(pixels.crop(0, top, *frame.size))


def _reread(data: bytes, written: Format, count: int) -> Iterator[Raster]:
    """Decode the same of a file; equal frames may have been merged, but these two are there."""
    yield reread(data, written)
    if count > 1:
        yield reread(data, written, last=True)
