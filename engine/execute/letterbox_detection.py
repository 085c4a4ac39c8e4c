"""Detects letterbox bars: near-black rows at the top and the bottom of an image.

The rule is that of Photon, for black bars only: an image's first (or last) row begins a bar
if it is dark and even; the bar goes on while rows have about the same mean.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.geometry import Box
from engine.vips import Image

MAX_SPREAD = 8  # by which the values of a bar's first row differ
MAX_MEAN = 32  # of a bar's first row
MAX_DRIFT = 10  # of a row's mean from that of the bar's first row

Means = Sequence[float]


class Row(NamedTuple):
    """A row of pixels: the minimum and the maximum of each colour."""

    minima: bytes
    maxima: bytes


def find_bars(frames: Iterable[Image]) -> Box:
    """Find the box between the letterbox bars, as wide as the image; alpha is ignored.

    Of an animation, the union of all frames' boxes; frames that are black all over are left
    out. Each frame is materialised and read once.
    """
    width = height = 0
    tops, bottoms = [], []
    for frame in frames:
        width, height = frame.width, frame.height
        top, bottom = _bars(frame)
        if top + bottom < height:
            tops.append(top)
            bottoms.append(bottom)
    top = min(tops, default=0)
    return Box(0, top, width, height - top - min(bottoms, default=0))


def _bars(image: Image) -> tuple[int, int]:
    """Count the rows of the bars at the top and at the bottom."""
    colours = image.extract_band(0, n=3).copy_memory()
    means = _row_means(colours)
    first, last = _row(colours, 0), _row(colours, colours.height - 1)
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


def _bar(first: Row, means: Sequence[Means]) -> int:
    """Count the rows of the bar that begins at the first of `means`."""
    uneven = any(
        high - low > MAX_SPREAD for low, high in zip(first.minima, first.maxima, strict=True)
    )
    if uneven or max(means[0]) > MAX_MEAN:
        return 0
    for index, row in enumerate(means):
        if any(abs(mean - start) > MAX_DRIFT for mean, start in zip(row, means[0], strict=True)):
            return index
    return len(means)
