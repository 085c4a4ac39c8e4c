"""Curves on logarithmic axes, several in one drawing."""

from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import NamedTuple

from bench.chart import COLOURS, legend, line, page, text

WIDTH, HEIGHT, ROOM = 380, 230, 64


class Curve(NamedTuple):
    """A title, and for each line's name a value by size."""

    title: str
    lines: Mapping[str, Mapping[int, float]]


def draw(curves: Sequence[Curve], colours: Mapping[str, str] = COLOURS) -> str:
    """Return an SVG with two drawings a row; every line's name has a colour."""
    names = list(dict.fromkeys(name for curve in curves for name in curve.lines))
    parts = [*legend(names, colours)]
    above = max(80, 46 + 22 * ((len(names) + 4) // 5))
    for index, curve in enumerate(curves):
        left = ROOM + (index % 2) * (WIDTH + ROOM)
        top = above + (index // 2) * (HEIGHT + ROOM)
        parts += _plot(curve, left, top, colours)
    rows = (len(curves) + 1) // 2
    return page(2 * (WIDTH + ROOM) + 20, above + rows * (HEIGHT + ROOM), parts)


def _plot(curve: Curve, left: float, top: float, colours: Mapping[str, str]) -> Iterable[str]:
    sizes = sorted({size for values in curve.lines.values() for size in values})
    values = [value for found in curve.lines.values() for value in found.values()]
    low, high = min(values) / 1.2, max(values) * 1.2

    def across(size: float) -> float:
        return left + WIDTH * log(size / sizes[0]) / log(sizes[-1] / sizes[0])

    def along(value: float) -> float:
        return top + HEIGHT * (1 - log(value / low) / log(high / low))

    yield text(left, top - 8, curve.title)
    for size in sizes:
        yield line(across(size), top, across(size), top + HEIGHT)
        yield text(across(size), top + HEIGHT + 16, str(size), "middle")
    for tick in _ticks(low, high):
        yield line(left, along(tick), left + WIDTH, along(tick))
        yield text(left - 6, along(tick) + 4, f"{tick:g}", "end")
    for key, found in curve.lines.items():
        points = " ".join(f"{across(size):.1f},{along(value):.1f}" for size, value in found.items())
        colour = colours[key]
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>'


def _ticks(low: float, high: float) -> list[float]:
    steps = [digit * 10.0**power for power in range(-2, 7) for digit in (1, 2, 5)]
    return [tick for tick in steps if low <= tick <= high]
