"""Letterbox bars: near-black rows at the top and the bottom of a picture.

The rule is that of Photon, for black bars only: a picture's first (or last) row begins a
bar if it is dark and even; the bar goes on while rows have about the same mean.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.geometry import Box
from engine.vips import Image

EVEN = 8  # most that a seed row's values differ by
DARK = 32  # highest mean of a seed row
LIKE = 10  # most that a row's mean differs from its seed's

Means = Sequence[float]


class Row(NamedTuple):
    """A row of pixels: the least and the greatest value of each colour."""

    least: bytes
    greatest: bytes


def measure(stills: Iterable[Image]) -> Box:
    """Find what lies between the bars: the picture's full width; alpha is ignored.

    Of an animation, what any frame shows is kept; frames that are black all over have no say.
    Each frame is taken into memory and looked at once.
    """
    width = height = 0
    tops, bottoms = [], []
    for still in stills:
        width, height = still.width, still.height
        top, bottom = _bars(still)
        if top + bottom < height:
            tops.append(top)
            bottoms.append(bottom)
    top = min(tops, default=0)
    return Box(0, top, width, height - top - min(bottoms, default=0))


def _bars(image: Image) -> tuple[int, int]:
    """Count the rows of the bars at the top and at the bottom."""
    held = image.extract_band(0, n=3).copy_memory()
    means = _row_means(held)
    first, last = _row(held, 0), _row(held, held.height - 1)
    return _bar(first, means), _bar(last, means[::-1])


def _row_means(image: Image) -> list[Means]:
    _, sums = image.project()
    numbers = memoryview(sums.write_to_memory()).cast("I")
    return [
        [numbers[3 * row + band] / image.width for band in range(3)] for row in range(image.height)
    ]


def _row(image: Image, row: int) -> Row:
    pixels = bytes(image.crop(0, row, image.width, 1).write_to_memory())
    bands = [pixels[band::3] for band in range(3)]
    return Row(bytes(map(min, bands)), bytes(map(max, bands)))


def _bar(seed: Row, means: Sequence[Means]) -> int:
    """Count the rows of the bar that begins at the first of `means`."""
    uneven = any(high - low > EVEN for low, high in zip(seed.least, seed.greatest, strict=True))
    if uneven or max(means[0]) > DARK:
        return 0
    for index, row in enumerate(means):
        if any(abs(mean - begun) > LIKE for mean, begun in zip(row, means[0], strict=True)):
            return index
    return len(means)
