"""Scaling against a reference in numpy: Lanczos-3 down, Catmull-Rom up."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.engine.images import Pixels, encoded, noise, pixels_of, premultiplied

Floats = NDArray[np.float64]


def lanczos(x: Floats) -> Floats:
    made: Floats = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    return made


def catmull_rom(x: Floats) -> Floats:
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    made: Floats = np.where(x < 1, near, np.where(x < 2, far, 0))
    return made


def matrix(side: int, wanted: int) -> Floats:
    """Weights of a side's pixels (columns) for each pixel that is wanted (rows)."""
    if side == wanted:
        return np.eye(side)
    kernel, reach = (lanczos, 3) if wanted < side else (catmull_rom, 2)
    stretch = max(side / wanted, 1)
    made = np.zeros((wanted, side))
    for row in range(wanted):
        centre = (row + 0.5) * side / wanted - 0.5
        taps = np.arange(np.ceil(centre - reach * stretch), np.floor(centre + reach * stretch) + 1)
        weights = kernel((taps - centre) / stretch)
        np.add.at(made[row], np.clip(taps, 0, side - 1).astype(int), weights / weights.sum())
    return made


def scaled(pixels: Pixels, width: int, height: int) -> Floats:
    """Return premultiplied colours, as wide and high as wanted."""
    high, wide = pixels.shape[:2]
    values = premultiplied(pixels)
    down, across = matrix(high, height), matrix(wide, width)
    values = np.einsum("yh,hwb,xw->yxb", down, values, across, optimize=True)
    made: Floats = np.clip(values, 0, 255)
    if pixels.shape[2] == 4:
        made[..., :3] = np.minimum(made[..., :3], made[..., 3:])
    return made


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize(
    "size", [(20, 15), (26, 20), (70, 50), (4, 3), (120, 90), (131, 60), (33, 200), (80, 15)]
)
@pytest.mark.parametrize("mode", ["balanced", "exact"])
def test_each_size(size: tuple[int, int], bands: int, mode: str) -> None:
    image = 64 + noise(80, 60, bands, seed=3) // 2  # so that nothing is clipped
    step = {"type": "resize", "width": size[0], "height": size[1]}
    made = premultiplied(pixels_of(encoded(image), step, mode=mode))
    difference = np.abs(made - scaled(image, *size))
    assert difference.max() <= 8
    assert difference.mean() <= 0.8


def test_clear_pixels_lend_no_colour_to_what_is_enlarged() -> None:
    image = np.zeros((6, 6, 4), np.uint8)
    image[:, :3] = (90, 40, 10, 255)
    made = pixels_of(encoded(image), {"type": "resize", "width": 60})
    seen = made[made[..., 3] > 100]
    assert np.abs(seen[:, :3] - np.array([90, 40, 10])).max() <= 8


@pytest.mark.parametrize(("side", "wanted"), [(1503, 320), (2999, 180)])
def test_what_is_asked_for_makes_no_difference(side: int, wanted: int) -> None:
    """Pixels that fall between two of libvips' places are the same whatever is asked for."""
    pixels = noise(side, 40)
    scaling = {"type": "resize", "width": wanted, "height": 30}
    turned = {"type": "rotate", "degrees": 180}
    whole = pixels_of(encoded(pixels), scaling, mode="exact")
    turned_first = pixels_of(encoded(pixels[::-1, ::-1]), turned, scaling, mode="exact")
    assert np.array_equal(turned_first, whole)
    window = {"type": "crop", "width": wanted - 7, "height": 30, "fit": False, "gravity": "east"}
    assert np.array_equal(pixels_of(encoded(pixels), scaling, window, mode="exact"), whole[:, 7:])
