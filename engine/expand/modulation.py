"""Brightness, saturation and hue as one matrix, by the formulas of CSS.

See Filter Effects Module Level 1, feColorMatrix: `saturate` and `hueRotate`. Colours are code
values; they are rounded and clipped once, after all three.
"""

from math import cos, radians, sin
from operator import mul

from engine.ir import Matrix

Square = tuple[tuple[float, float, float], ...]

LUMA = (0.213, 0.715, 0.072)
COSINES: Square = ((0.787, -0.715, -0.072), (-0.213, 0.285, -0.072), (-0.213, -0.715, 0.928))
SINES: Square = ((-0.213, -0.715, 0.928), (0.143, 0.140, -0.283), (-0.787, 0.715, 0.072))


def modulation(brightness: float, saturation: float, hue: float) -> Matrix:
    """Multiply by `brightness`, saturate by `saturation`, then turn the hue by degrees."""
    mixed = _product(_hue_rotation(hue), _saturation(saturation))
    first, second, third = ([brightness * weight for weight in row] for row in mixed)
    return Matrix((_row(first), _row(second), _row(third)))


def _row(weights: list[float]) -> tuple[float, float, float]:
    red, green, blue = weights
    return red, green, blue


def _saturation(amount: float) -> list[list[float]]:
    return [
        [grey + amount * ((row == column) - grey) for column, grey in enumerate(LUMA)]
        for row in range(3)
    ]


def _hue_rotation(degrees: float) -> list[list[float]]:
    cosine, sine = cos(radians(degrees)), sin(radians(degrees))
    return [
        [
            grey + cosine * along + sine * across
            for grey, along, across in zip(LUMA, *rows, strict=True)
        ]
        for rows in zip(COSINES, SINES, strict=True)
    ]


def _product(left: list[list[float]], right: list[list[float]]) -> list[list[float]]:
    return [[sum(map(mul, row, column)) for column in zip(*right, strict=True)] for row in left]
