"""Structural similarity of two images, which measures the loss of an encoding.

SSIM is that of Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
visibility to structural similarity", IEEE Transactions on Image Processing 13 (4), 2004: the mean,
over windows of 11 × 11 pixels with Gaussian weights of σ = 1.5, of

    (2 μx μy + C1) (2 σxy + C2) / ((μx² + μy² + C1) (σx² + σy² + C2))

with C1 = (0.01 · 255)² and C2 = (0.03 · 255)², on luma: 0.299 R + 0.587 G + 0.114 B of code values.
"""

from collections.abc import Iterator
from typing import Any

import engine.raster.environment  # noqa: F401  # isort: skip - numpy's library reads it
import numpy as np
import numpy.typing as npt

from engine.raster.raster import Raster

Plane = npt.NDArray[np.floating[Any]]

SIDE = 11  # pixels of a window
SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
GROUND = 128  # the grey under what is translucent
ENOUGH_WINDOWS = 200_000  # from which on more of them change the mean by less than 0.0001
BLOCK = 200_000  # pixels that are worked on at once


def structural_similarity(one: Raster, other: Raster) -> float:
    """Return the SSIM of two images of one size, 1 if their luma is the same.

    All windows that lie inside the images count; of a large image every third, fifth … in both
    directions. An image of less than a window is continued at its edges. What is translucent is
    seen on grey.
    """
    step = _step(one.width * one.height)
    weights = _gaussian()
    total, count = 0.0, 0
    for a, b in zip(_blocks(one, step), _blocks(other, step), strict=True):
        found = _map(a, b, weights, step)
        total += float(found.sum(dtype=np.float64))
        count += found.size
    return total / count


def _step(pixels: int) -> int:
    """Return the distance between windows: odd, so that they fall everywhere in blocks of 8 × 8."""
    step = int((pixels / ENOUGH_WINDOWS) ** 0.5)
    return max(1, step - (step + 1) % 2)


def _gaussian() -> Plane:
    """Return a window's weights along one side, which add up to 1."""
    at = np.arange(SIDE) - SIDE // 2
    weights = np.exp(-(at**2) / (2 * SIGMA**2))
    unit: Plane = (weights / weights.sum()).astype(np.float32)
    return unit


def _blocks(raster: Raster, step: int) -> Iterator[Plane]:
    """Yield the luma of some rows of windows after the other."""
    rows = raster.array
    last = max(0, raster.height - SIDE)
    many = step * max(1, BLOCK // (raster.width * step))
    for first in range(0, last + 1, many):
        end = min(first + many - step, last) + SIDE
        yield _continued(_luma(rows[first:end]))


def _luma(rows: npt.NDArray[np.uint8]) -> Plane:
    """Return the luma of rows with 1 to 4 bands, of which the second or fourth is alpha."""
    bands = rows.shape[2]
    values = rows.astype(np.float32)
    luma: Plane = values[:, :, 0] if bands < 3 else values[:, :, :3] @ LUMA
    if bands in {2, 4}:
        luma = GROUND + (luma - GROUND) * (values[:, :, -1] / 255)
    return luma


def _continued(plane: Plane) -> Plane:
    """Repeat the edges of what is smaller than a window."""
    down, across = (max(0, SIDE - side) for side in plane.shape)
    if not (down or across):
        return plane
    around = [(more // 2, more - more // 2) for more in (down, across)]
    return np.pad(plane, around, mode="edge")


def _map(a: Plane, b: Plane, weights: Plane, step: int) -> Plane:
    """Return the index of each window, at every `step`-th place."""

    def mean(plane: Plane) -> Plane:
        return _weighted(_weighted(plane, weights, step).T, weights, step)

    mean_a, mean_b = mean(a), mean(b)
    aa, bb, ab = mean_a * mean_a, mean_b * mean_b, mean_a * mean_b
    spread = mean(a * a) + mean(b * b) - (aa + bb)
    shared = mean(a * b) - ab
    index: Plane = (2 * ab + C1) * (2 * shared + C2) / ((aa + bb + C1) * (spread + C2))
    return index


def _weighted(plane: Plane, weights: Plane, step: int) -> Plane:
    """Average each `step`-th window of rows."""
    count = (len(plane) - SIDE) // step + 1
    span = (count - 1) * step + 1
    total: Plane = weights[0] * plane[:span:step]
    for at in range(1, SIDE):
        total += weights[at] * plane[at : at + span : step]
    return total
