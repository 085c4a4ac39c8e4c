"""SSIM against scikit-image's numbers, and against the formula written out window by window."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import engine.raster.similarity
from engine.raster import structural_similarity
from engine.raster.similarity import _step
from tests.engine.images import PHOTOS, Pixels, decoded, encoded, noise, raster_of, smooth

# scikit-image 0.26: structural_similarity(luma(photo), luma(other), gaussian_weights=True,
# sigma=1.5, use_sample_covariance=False, data_range=255)
KNOWN = {
    ("chelsea", "posterised"): 0.87158,
    ("chelsea", "moved"): 0.83443,
    ("chelsea", "negative"): -0.16128,
    ("coffee", "posterised"): 0.89539,
    ("coffee", "moved"): 0.77248,
    ("coffee", "negative"): -0.13001,
}
NEAR = 0.001  # of an image of which every ninth window is looked at


def similarity(one: Pixels, other: Pixels) -> float:
    return structural_similarity(raster_of(one), raster_of(other))


def changed(image: Pixels, how: str) -> Pixels:
    ways = {
        "posterised": image // 32 * 32 + 16,
        "moved": np.roll(image, 1, 1),
        "negative": 255 - image,
    }
    return ways[how]


def by_hand(one: Pixels, other: Pixels) -> float:
    """Wang et al. 2004, equations 13 to 17, all windows at once."""
    at = np.arange(11) - 5
    row = np.exp(-(at**2) / 4.5)
    weights = np.outer(row, row) / row.sum() ** 2
    x, y = windows(one), windows(other)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.einsum("abcd,cd->ab", values, weights)
        return found

    mx, my = mean(x), mean(y)
    dx, dy = x - mx[..., None, None], y - my[..., None, None]
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = (2 * mx * my + c1) * (2 * mean(dx * dy) + c2)
    index /= (mx**2 + my**2 + c1) * (mean(dx**2) + mean(dy**2) + c2)
    return float(index.mean())


def windows(image: Pixels) -> NDArray[np.float64]:
    values = image.astype(float)
    luma = values[..., :3] @ [0.299, 0.587, 0.114] if values.shape[2] > 2 else values[..., 0]
    if values.shape[2] in {2, 4}:
        cover = values[..., -1] / 255
        luma = luma * cover + 128 * (1 - cover)
    return np.lib.stride_tricks.sliding_window_view(luma, (11, 11))


@pytest.mark.parametrize(("photo", "how"), KNOWN)
def test_it_is_what_scikit_image_finds(photo: str, how: str) -> None:
    image = np.asarray(Image.open(PHOTOS / f"{photo}.png").convert("RGB"))
    assert similarity(image, changed(image, how)) == pytest.approx(KNOWN[photo, how], abs=2e-5)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize(("width", "height"), [(60, 41), (11, 30), (40, 11)])
def test_it_is_the_formula(width: int, height: int, bands: int) -> None:
    one, grain = smooth(width, height, bands), noise(width, height, bands)
    other = (one * 0.8 + grain * 0.2).astype(np.uint8)
    assert similarity(one, other) == pytest.approx(by_hand(one, other), abs=1e-5)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 3), (5, 400)])
def test_what_is_less_than_a_window_is_continued(width: int, height: int) -> None:
    one = smooth(width, height)
    other = np.clip(one + 9.0, 0, 255).astype(np.uint8)
    down, across = (max(0, 11 - side) for side in (height, width))
    around = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    expected = by_hand(np.pad(one, around, "edge"), np.pad(other, around, "edge"))
    assert similarity(one, other) == pytest.approx(expected, abs=1e-5)
    assert similarity(one, one) == pytest.approx(1)


@pytest.mark.parametrize("quality", [30, 90])
def test_of_a_large_image_a_part_stands_for_the_whole(
    quality: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.asarray(Image.open(PHOTOS / "coffee.png").convert("RGB"))
    other = decoded(encoded(image, "JPEG", quality=quality))
    whole = similarity(image, other)
    monkeypatch.setattr(engine.raster.similarity, "ENOUGH_WINDOWS", 12_000)
    assert _step(600 * 400) == 3
    assert similarity(image, other) == pytest.approx(whole, abs=NEAR)


def test_windows_never_keep_step_with_blocks() -> None:
    assert all(_step(pixels) % 2 for pixels in range(1, 200_000_000, 99_991))
