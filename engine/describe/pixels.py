"""Pixels as arrays, and sRGB converted to linear light."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
"""Of pixels: height × width × red, green, blue, alpha, from 0 to 1, not premultiplied."""


def to_linear(values: Array) -> Array:
    """Take sRGB's curve off, as IEC 61966-2-1 has it."""
    linear: Array = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear


def from_linear(values: Array) -> Array:
    """Put the curve on."""
    bounded = np.clip(values, 0, 1)
    curved: Array = np.where(
        bounded <= 0.0031308, bounded * 12.92, 1.055 * bounded ** (1 / 2.4) - 0.055
    )
    return curved


def waves(count: int, size: int, shift: float) -> Array:
    """Return cosines of so many frequencies, from 0 on, along a side: count × size."""
    return np.cos(np.pi / size * np.outer(np.arange(count), np.arange(size) + shift))
