"""Searches the quality of a lossy format: the lowest that is similar enough, or that fits."""

from collections.abc import Callable

from engine.errors import BytesExceeded
from engine.ir import QualitySearch

MOST_ENCODINGS = 7  # in which bisection decides between 100 qualities
BEST = 100


def search_quality(
    search: QualitySearch,
    highest: int,
    encode: Callable[[int], bytes],
    similarity: Callable[[bytes], float],
) -> bytes:
    """Encode at most seven times, at qualities from 1 to `highest`, and give the best file.

    It is that of the lowest quality whose `similarity` is enough, if that one is not too long, and
    otherwise that of the highest quality which is not. With bytes alone the highest quality is
    tried first, unless it is 100; that may leave a quality or two untried, above the one that is
    found. Raises BytesExceeded if quality 1 is too long.
    """
    low, high = 0, highest + 1  # all up to `low` lack something, all from `high` on lack nothing
    fits = enough = b""
    shortest = 0
    least = search.least_ssim
    for left in range(MOST_ENCODINGS, 0, -1):
        if high - low == 1:
            break
        quality = (low + high) // 2
        if left == MOST_ENCODINGS and least is None and highest < BEST:
            quality = highest
        elif left == 1 and low == 0:
            quality = 1
        data = encode(quality)
        if search.most_bytes is not None and len(data) > search.most_bytes:
            high, enough, shortest = quality, b"", len(data)
        elif least is not None and similarity(data) >= least:
            high, enough = quality, data
        else:
            low, fits = quality, data
    if not (enough or fits):
        assert search.most_bytes is not None  # noqa: S101 - or the last file would fit
        raise BytesExceeded(shortest, search.most_bytes)
    return enough or fits
