"""Rasters: pixels that the scaler reads and writes where they are, and windows of them."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.geometry import Box, Size
from engine.raster import GAUGE, Raster, resample
from engine.raster.buffers import require
from tests.engine.images import distance, noise, pixels_in, raster_of


@pytest.mark.parametrize("box", [(0, 0, 31, 17), (4, 2, 9, 11), (0, 5, 31, 3), (30, 16, 1, 1)])
def test_a_window(box: tuple[int, int, int, int]) -> None:
    image, (left, top, width, height) = noise(31, 17), box
    cropped = pixels_in(raster_of(image).crop(*box))
    assert np.array_equal(cropped, image[top : top + height, left : left + width])


def test_one_is_pasted_over_a_copy() -> None:
    image, small = noise(31, 17), noise(5, 4, seed=1)
    raster = raster_of(image)
    expected = image.copy()
    expected[6:10, 20:25] = small
    assert np.array_equal(pixels_in(raster.paste(raster_of(small), 20, 6)), expected)
    assert np.array_equal(pixels_in(raster), image)


def test_a_window_is_made_anew_in_a_copy() -> None:
    image = noise(31, 17)
    expected = image.copy()
    expected[6:10, 20:25] = 255 - expected[6:10, 20:25]
    raster = raster_of(image)
    made = raster.repaint(Box(20, 6, 5, 4), lambda window: raster_of(255 - pixels_in(window)))
    assert np.array_equal(pixels_in(made), expected)
    assert np.array_equal(pixels_in(raster), image)


@settings(max_examples=60, deadline=None)
@given(
    given_size=st.tuples(st.integers(16, 400), st.integers(16, 300)),
    made_size=st.tuples(st.integers(16, 500), st.integers(16, 400)),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_a_window_of_a_scaling_is_that_of_the_whole(
    given_size: tuple[int, int], made_size: tuple[int, int], corners: tuple[float, ...]
) -> None:
    image = noise(*given_size)
    (left, right), (top, bottom) = (
        sorted((round(one * side), round(other * side)))
        for one, other, side in zip(corners[::2], corners[1::2], made_size, strict=True)
    )
    box = Box(left, top, max(1, right - left), max(1, bottom - top)).within(Size(*made_size))
    if box is None:
        return
    whole = resample(raster_of(image), *made_size).crop(*box)
    window = resample(raster_of(image), *made_size, window=box)
    most, likeness = distance(pixels_in(window), pixels_in(whole))
    assert most <= 2  # one level in each direction, by where a weight is rounded
    assert likeness > 50


@pytest.mark.parametrize(("given_side", "made_side"), [(40, 120), (45, 69), (120, 40), (50, 70)])
def test_a_window_may_begin_and_end_at_a_given_pixel(given_side: int, made_side: int) -> None:
    """As every third does of what is three times as large."""
    image = raster_of(noise(given_side, given_side))
    whole = pixels_in(resample(image, made_side, made_side))
    for start in range(made_side - 12):
        box = Box(start, start, 12, 12)
        window = pixels_in(resample(image, made_side, made_side, window=box))
        assert np.abs(window.astype(int) - whole[start:][:12, start:][:, :12]).max() <= 2


def test_a_single_colour() -> None:
    assert (pixels_in(Raster.filled(3, 2, b"\1\2\3")) == (1, 2, 3)).all()


def test_threads_make_the_same() -> None:
    image = noise(2100, 1400)
    one, three = (resample(raster_of(image), 900, 600, threads) for threads in (1, 3))
    assert np.array_equal(one.array, three.array)


def test_what_they_take_is_counted() -> None:
    gc.collect()
    before = GAUGE.now
    raster = raster_of(noise(10, 10))
    assert GAUGE.now == before + 400
    del raster
    assert GAUGE.now == before
    assert GAUGE.most >= before + 400


def test_what_cannot_be_had_is_an_error_before_the_scaler_ends_the_process() -> None:
    with pytest.raises(MemoryError):
        require(2**60)
