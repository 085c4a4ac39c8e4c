"""Measures pixels for plans that depend on them: bars, borders, attention, percentiles.

What is measured streams: it is evaluated once, or until enough is known. Of an animation all
frames are measured together.
"""

from collections.abc import Callable, Iterable
from functools import singledispatch

from engine.execute.letterbox_detection import find_bars
from engine.geometry import Box
from engine.ir import Attention, Bars, Border, Measured, Measurement, Percentiles, Ranges
from engine.vips import Image

Lowered = Callable[[], Iterable[Image]]
PERCENT = 100


@singledispatch
def measure(measurement: Measurement, lowered: Lowered) -> Measured:
    """Measure the frames of an image, which `lowered` makes again each time it is called."""
    raise TypeError(f"nothing measures {type(measurement).__name__}")


@measure.register
def _bars(measurement: Bars, lowered: Lowered) -> Box:
    return find_bars(lowered())


@measure.register
def _border(measurement: Border, lowered: Lowered) -> Box:
    """Find the rows and columns in which a pixel differs; all of them if none does."""
    colour = measurement.colour or _corner(lowered)
    width = height = 0
    rows: set[int] = set()
    columns: set[int] = set()
    for frame in lowered():
        width, height = frame.width, frame.height
        differs = (frame - list(colour[: frame.bands])).abs() > measurement.threshold
        across, down = differs.bandor().project()
        columns |= _above_zero(across)
        rows |= _above_zero(down)
    if not rows:
        return Box(0, 0, width, height)
    left, top = min(columns), min(rows)
    return Box(left, top, max(columns) + 1 - left, max(rows) + 1 - top)


def _corner(lowered: Lowered) -> tuple[int, ...]:
    """Return the colour of the top left pixel: no more is read than the first rows."""
    first = next(iter(lowered())).crop(0, 0, 1, 1)
    return tuple(bytes(first.write_to_memory()))


def _above_zero(sums: Image) -> set[int]:
    numbers = memoryview(sums.write_to_memory()).cast("I")
    return {index for index, value in enumerate(numbers) if value}


@measure.register
def _attention(measurement: Attention, lowered: Lowered) -> Box:
    """Let libvips choose; of an animation in the first frame."""
    first = next(iter(lowered()))
    window = first.smartcrop(measurement.width, measurement.height, interesting="attention")
    return Box(-window.xoffset, -window.yoffset, measurement.width, measurement.height)


@measure.register
def _percentiles(measurement: Percentiles, lowered: Lowered) -> Ranges:
    """Count the values of each colour; alpha is not asked."""
    counts = [[0] * 256 for _ in range(3)]
    for frame in lowered():
        histogram = frame.extract_band(0, n=3).hist_find()
        numbers = memoryview(histogram.write_to_memory()).cast("I")
        for band in range(3):
            found = numbers[band::3]
            counts[band] = [before + more for before, more in zip(counts[band], found, strict=True)]
    return tuple((_percentile(each, 1), _percentile(each, 99)) for each in counts)


def _percentile(counts: list[int], percent: int) -> int:
    """Return the least value that so many percent of all do not exceed."""
    below, least = 0, sum(counts) * percent
    for value, count in enumerate(counts):
        below += count
        if below * PERCENT >= least:
            return value
    return len(counts) - 1
