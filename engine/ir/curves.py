"""Pointwise transformations as look-up tables of 256 values for each band.

A table is 256 bytes. The formulas are those of GD's `imagefilter`, as Photon calls it.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import trunc

from engine.geometry import rnd

Curve = bytes


def _table(formula: Callable[[int], int]) -> Curve:
    return bytes(min(255, max(0, formula(value))) for value in range(256))


@cache
def add(amount: int) -> Curve:
    """Brightness and colorize: ``clamp(v + amount)``."""
    return _table(lambda value: value + amount)


@cache
def contrast(level: int) -> Curve:
    """Spread values around the middle; the order of the arithmetic matters for the result."""
    factor = ((100 + level) / 100) * ((100 + level) / 100)

    def spread(value: int) -> int:
        return trunc(min(255.0, max(0.0, ((value / 255 - 0.5) * factor + 0.5) * 255)))

    return _table(spread)


@cache
def gamma(level: float) -> Curve:
    """Raise to the power of ``1 / level``, rounded; black and white stay."""
    return _table(lambda value: rnd(255 * (value / 255) ** (1 / level)))


@cache
def scale(factor: float) -> Curve:
    """Multiply, rounded."""
    return _table(lambda value: rnd(value * factor))


@cache
def stretch(low: int, high: int) -> Curve:
    """Spread the values from `low` to `high` over the whole range; nothing if there are none."""
    if high <= low:
        return IDENTITY
    return _table(lambda value: rnd(Fraction((value - low) * 255, high - low)))


def threshold(least: int) -> Curve:
    """White from `least` on, black below."""
    return _table(lambda value: 255 if value >= least else 0)


def luma(red: int, green: int, blue: int) -> int:
    """Return the grey that stands for a colour: ``floor((299 R + 587 G + 114 B) / 1000)``."""
    return (299 * red + 587 * green + 114 * blue) // 1000


IDENTITY = add(0)
NEGATIVE = _table(lambda value: 255 - value)
