"""The filters against a reference in numpy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import Source, read_facts
from engine.expand import expand
from engine.lower.kernels import coarsened, folded, gaussian, in_whole_numbers
from tests.engine.images import Pixels, encoded, executed, job, noise, pixels_of, smooth

Floats = NDArray[np.float64]


def around(pixels: Pixels, reach: int) -> Floats:
    """Every displacement of the image within reach, edges replicated."""
    grown = np.pad(pixels.astype(float), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    height, width = pixels.shape[:2]
    sides = range(2 * reach + 1)
    return np.array([grown[y : y + height, x : x + width] for y in sides for x in sides])


def images() -> list[Pixels]:
    soft = (smooth(40, 33, 4) // 4 + noise(40, 33, 4) // 16).astype(np.uint8)
    clear = noise(20, 31, 4)
    clear[5:20, 3:9, 3] = 0
    translucent = np.dstack([np.full((30, 30, 3), 90), 200 + noise(30, 30, 1, seed=5) // 5])
    return [
        noise(37, 29), smooth(31, 44), soft, soft[..., :3], clear, translucent.astype(np.uint8),
        noise(1, 1), noise(3, 2, 4),
    ]  # fmt: skip


MASKS = {
    "edgedetect": ([-1, 0, -1, 0, 4, 0, -1, 0, -1], 1, 127),
    "emboss": ([1.5, 0, 0, 0, 0, 0, 0, 0, -1.5], 1, 127),
    "blurgaussian": ([1, 2, 1, 2, 4, 2, 1, 2, 1], 16, 0),
    "meanremoval": ([-1, -1, -1, -1, 9, -1, -1, -1, -1], 1, 0),
    "smooth": ([1, 1, 1, 1, 6, 1, 1, 1, 1], 14, 0),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("image", images())
def test_masks(name: str, image: Pixels) -> None:
    mask, divisor, offset = MASKS[name]
    seen = image.copy()
    if image.shape[2] == 4:
        seen[image[..., 3] == 0] = 0
    sums = np.tensordot(np.array(mask, float), around(seen, 1), 1)
    expected = np.trunc(np.clip(sums / divisor + offset, 0, 255))
    expected[..., 3:] = image[..., 3:]
    made = pixels_of(encoded(image), {"type": "filter", "filter": name})
    assert np.array_equal(made, expected)


@pytest.mark.parametrize("image", images())
def test_blurselective(image: Pixels) -> None:
    colours = image[..., :3]
    difference = np.delete(around(colours, 1) - colours, 4, axis=0)
    means = np.sign(difference).sum(0) / (0.5 + (1 / np.maximum(1, np.abs(difference))).sum(0))
    expected = np.floor(colours + means + 0.001)
    made = pixels_of(encoded(image), {"type": "filter", "filter": "blurselective"})
    assert np.abs(made[..., :3] - expected).max() <= 1  # where floats decide a tie
    assert (made[..., :3] != expected).mean() < 0.001
    assert np.array_equal(made[..., 3:], image[..., 3:])


@pytest.mark.parametrize("image", images())
def test_enhance(image: Pixels) -> None:
    row = np.array([[5, 8, 10, 8, 5], [8, 20, 40, 20, 8], [10, 40, 80, 40, 10]])
    weights = np.vstack([row, row[1::-1]]).reshape(25, 1, 1, 1)
    scaled, neighbours = image / 255, around(image, 2) / 255
    tone = (neighbours + scaled) / 2
    factors = np.array([4, 7, 5, 5])[: image.shape[2]] + tone * [1, -1, -1, -1][: image.shape[2]]
    distances = (factors * (neighbours - scaled) ** 2).sum(-1, keepdims=True)
    taking_part = weights * (distances < 0.069)
    expected = np.floor((taking_part * neighbours).sum(0) / taking_part.sum(0) * 255 + 0.5)
    made = pixels_of(encoded(image), {"type": "enhance"})
    assert np.abs(made - expected).max() <= 1
    assert (made != expected).mean() < 0.005


@pytest.mark.parametrize(("sigma", "radius"), [(1.5, 0), (2, 3), (0.3, 0), (30, 200)])
def test_a_blur_without_passes(sigma: float, radius: int) -> None:
    image = noise(41, 23)
    source = Source.from_bytes(encoded(image))
    plain = expand(job({"type": "blur", "sigma": sigma, "radius": radius}), read_facts(source))
    reach = int(np.ceil(3.5 * sigma))
    kernel = gaussian(sigma, min(reach, radius) if radius else reach)
    side = len(kernel) // 2
    grown = np.pad(image.astype(float), ((side, side), (side, side), (0, 0)), mode="edge")
    rows = np.apply_along_axis(np.convolve, 1, grown, kernel, "valid")
    expected = np.apply_along_axis(np.convolve, 0, rows, kernel, "valid")
    assert np.abs(executed(plain, source) - expected).max() <= 0.501


def test_a_blur_of_nothing_changes_nothing() -> None:
    image = noise(9, 7, 4)
    for options in ({"sigma": 0}, {"radius": 0}, {"sigma": 0, "radius": 5}):
        assert np.array_equal(pixels_of(encoded(image), {"type": "blur", **options}), image)


def test_a_blur_does_not_draw_colour_out_of_clear_pixels() -> None:
    image = np.zeros((20, 20, 4), np.uint8)
    image[:, :10] = (255, 0, 0, 255)
    image[:, 10:] = (0, 255, 0, 0)
    made = pixels_of(encoded(image), {"type": "blur", "sigma": 2})
    assert made[:, 5:14, 0].min() >= 254
    assert made[..., 1].max() == 0


def test_kernels() -> None:
    assert sum(gaussian(2, 7)) == pytest.approx(1)
    assert gaussian(2, 7) == gaussian(2, 7)[::-1]
    assert folded(2, 7, 7) == gaussian(2, 7)
    assert len(folded(2, 7, 3)) == 7
    assert sum(folded(2, 7, 3)) == pytest.approx(1)
    assert folded(2, 7, 3)[1:-1] == gaussian(2, 7)[5:-5]
    assert sum(coarsened(gaussian(9, 30), 4)) == pytest.approx(1)
    assert coarsened([0.25, 0.5, 0.25], 1) == pytest.approx([0.25, 0.5, 0.25])
    assert coarsened([1 / 9] * 9, 3) == pytest.approx([1 / 3] * 3)
    for total in (128, 256, 65536):
        whole = in_whole_numbers(gaussian(3.3, 11), total)
        assert (sum(whole), whole) == (total, whole[::-1])
