"""gamma, modulate, sharpen, normalize, pixelate, round against models that share no code."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.engine.images import Json, Pixels, decoded, distance, encoded, make, noise, pixels_of
from tests.engine.types import models
from tests.engine.uploads import animation

SOURCES = models.sources()
each_source = pytest.mark.parametrize("name", SOURCES)
TIE = 1  # level: where the exact value is a half, floats may fall on either side

CASES: list[tuple[Json, Callable[..., Pixels], int]] = [
    *(({"type": "gamma", "level": level}, models.gamma, 0) for level in (0.1, 0.45, 1, 2.2, 10)),
    ({"type": "modulate", "brightness": 130}, models.modulate, TIE),
    ({"type": "modulate", "saturation": 0}, models.modulate, TIE),
    ({"type": "modulate", "saturation": 250, "hue": 30}, models.modulate, TIE),
    ({"type": "modulate", "brightness": 60, "hue": -200}, models.modulate, TIE),
    ({"type": "normalize"}, models.normalize, 0),
    *(({"type": "pixelate", "size": size}, models.pixelate, TIE) for size in (1, 2, 7, 30, 500)),
    ({"type": "sharpen"}, models.sharpen, TIE),
    ({"type": "sharpen", "sigma": 0.1, "amount": 3}, models.sharpen, TIE),
    ({"type": "sharpen", "sigma": 2.5, "amount": 0.7}, models.sharpen, TIE),
    ({"type": "sharpen", "sigma": 10, "amount": 10}, models.sharpen, TIE),
    ({"type": "sharpen", "sigma": 1, "amount": 2, "threshold": 12.3}, models.sharpen, TIE),
]


@each_source
@pytest.mark.parametrize(("step", "model", "levels"), CASES, ids=[str(each[0]) for each in CASES])
def test_as_the_model_says(
    name: str, step: Json, model: Callable[..., Pixels], levels: int
) -> None:
    data, pixels = SOURCES[name]
    options = {option: value for option, value in step.items() if option != "type"}
    made, expected = pixels_of(data, step), model(pixels, **options)
    assert made.shape == expected.shape
    assert np.array_equal(made[..., 3:], expected[..., 3:])
    assert distance(made, expected)[0] <= levels


@each_source
@pytest.mark.parametrize(
    ("given", "radius"), [(1, 1), (8, 8), (14, 14), ("20%", 6), ("50%", 15), (99, 15)]
)
def test_round_corners_are_near_the_area_that_is_covered(
    name: str, given: Any, radius: float
) -> None:
    data, pixels = SOURCES[name]
    made = pixels_of(data, {"type": "round", "radius": given})
    expected = models.round_corners(pixels, radius)
    assert np.array_equal(made[..., :3], expected[..., :3])
    assert np.abs(made[..., 3].astype(int) - expected[..., 3]).max() <= 24
    assert np.abs(made[..., 3].astype(int) - expected[..., 3]).mean() <= 1


def test_a_round_image_of_odd_size_is_a_circle() -> None:
    made = pixels_of(encoded(noise(41, 41)), {"type": "round", "radius": "50%"})[..., 3]
    assert made[0, 20] == made[20, 0] == made[40, 20] == 255
    for other in (made.T, made[::-1], made[:, ::-1]):
        assert np.array_equal(made, other)
    assert made[0, 0] == 0


def test_transparent_pixels_lend_no_colour_to_blocks() -> None:
    source = noise(20, 20, 4)
    source[..., 3] = 0
    source[:, :10] = (200, 100, 50, 255)
    made = pixels_of(encoded(source), {"type": "pixelate", "size": 4})
    assert (made[:, :8] == (200, 100, 50, 255)).all()
    assert np.abs(made[:, 8:12].astype(int) - (200, 100, 50, 128)).max() <= TIE


@pytest.mark.parametrize("size", [2, 7, 30, 500])
def test_blocks_of_opaque_images_are_exact(size: int) -> None:
    data, pixels = SOURCES["RGB"]
    made = pixels_of(data, {"type": "pixelate", "size": size})
    assert np.array_equal(made, models.pixelate(pixels, size))


def test_a_flat_channel_is_not_stretched() -> None:
    source = noise(30, 30)
    source[..., 1] = 77
    assert (pixels_of(encoded(source), {"type": "normalize"})[..., 1] == 77).all()


def test_percentiles_count_all_frames() -> None:
    dark, bright = np.full((8, 8, 3), 60, np.uint8), np.full((8, 8, 3), 160, np.uint8)
    moving = animation("WEBP", [dark, bright], [50, 50])
    made = make(moving, {"type": "normalize"}, destination="o.webp", options={"lossless": True})
    assert decoded(made.data).max() <= 2  # the first frame is the darkest there is


def test_a_border_of_more_than_a_hundredth_sets_the_range() -> None:
    source = np.full((100, 100, 3), 120, np.uint8)
    source[0, :99], source[1, :99] = 0, 255  # 0.99 % each: not enough
    assert np.array_equal(pixels_of(encoded(source), {"type": "normalize"}), source)
    source[:, 0], source[:, 99] = 20, 220
    stretched = pixels_of(encoded(source), {"type": "normalize"})
    assert set(np.unique(stretched)) >= {0, 128, 255}
