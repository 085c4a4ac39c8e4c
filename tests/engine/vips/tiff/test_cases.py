"""Small real files that came out wrong once, and what is right for each."""

import re
from typing import Any

import numpy as np
import pytest
import tifffile

from engine import Source, read_facts
from engine.errors import UnsupportedFormat
from tests.engine.images import DATA, Pixels, decoded, make
from tests.engine.tiff_files import Samples, Tiff
from tests.engine.vips.tiff.test_colours import TO_SRGB, companded, srgb_of_lab

CASES = DATA / "cases"


def shown(name: str, *words: Any, **options: Any) -> Pixels:
    return decoded(make((CASES / name).read_bytes(), *words, **options).data)


def stored(name: str) -> Samples:
    return np.asarray(tifffile.imread(CASES / name))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("02_tiff_zstd_black_selfmade.tif", "compressed with Zstandard"),
        ("03_tiff_ojpeg_tiled_blank.tif", "compressed with old-style JPEG"),
    ],
)
def test_what_this_libtiff_lacks_is_named(name: str, words: str) -> None:
    with pytest.raises(UnsupportedFormat, match=re.escape(words)):
        read_facts(Source.from_path(CASES / name))


def test_lab_with_alpha_is_seen() -> None:
    name = "04_tiff_lab_alpha_invisible_cut.tif"
    lab = stored(name)
    made = shown(name)
    assert np.array_equal(made[..., 3], lab[..., 3])
    signed = lab[..., 1:3].view(np.int8)
    expected = srgb_of_lab(np.dstack([lab[..., :1] / 2.55, signed]))
    assert np.abs(made[..., :3] - expected).max() <= 1
    flat = shown(name, destination="o.jpg")
    assert np.abs(flat.astype(float) - expected).mean() < 16, "it is a JPEG of noise"


def test_planes_of_grey_and_alpha() -> None:
    name = "06_tiff_grey_alpha_planar.tiff"
    grey, alpha = stored(name).astype(float)
    made = shown(name)
    assert np.array_equal(made[..., 3], alpha)
    seen = alpha > 0
    straight = np.minimum(255, grey[seen] / alpha[seen] * 255)
    assert np.abs(made[..., 0][seen] - straight).max() <= 0.5


def test_inks_as_floats() -> None:
    name = "07_tiff_cmyk_float_internal.tiff"
    inks = np.rint(stored(name) * 255).astype(np.uint8)
    expected = decoded(make(bytes(Tiff(inks, photometric=5))).data).astype(int)
    assert np.abs(shown(name) - expected).max() <= 1
    assert shown(name, {"type": "filter", "filter": "sepia"}).shape == (20, 20, 3)


def test_signed_8_bits_are_as_bright_as_signed_16() -> None:
    name = "08_tiff_int8.tif"
    values = stored(name).astype(np.int16)
    deep = (values * 256).view(np.uint16)[..., None]
    expected = decoded(make(bytes(Tiff(deep, 16, photometric=1, numbers=2))).data)
    assert np.abs(shown(name).astype(int) - expected).max() <= 1
    assert np.abs(shown(name)[..., 0] - 2 * np.maximum(values, 0)).max() <= 1


def test_extra_samples_that_are_not_declared_are_not_opacity() -> None:
    name = "12_tiff_extrasamples0.tiff"
    made = shown(name)
    assert made.shape == (8, 8, 3)
    assert np.array_equal(made[..., 0], stored(name)[..., 0])


def test_12_bits() -> None:
    name = "13_tiff_12bit_called_corrupt.tiff"
    data = np.frombuffer((CASES / name).read_bytes()[8 : 8 + 384], np.uint8).reshape(-1, 3)
    values = np.stack([data[:, 0], (data[:, 1] & 15) << 4 | data[:, 2] >> 4], 1)
    assert np.array_equal(shown(name)[..., 0], values.reshape(16, 16))
    facts = read_facts(Source.from_path(CASES / name))
    assert (facts.bands, facts.depth) == (1, 16)


def test_light_in_24_bits() -> None:
    """As libtiff wrote it: rows of luminance from -5.5 to 0 stops, with X and Z beside them."""
    down, across = np.mgrid[0:8, 0:12]
    light = np.exp2(across / 2 - 5.5)
    xyz = np.stack([0.8 + 0.05 * down, np.ones_like(light), 1.2 - 0.04 * down], -1)
    expected = companded(xyz * light[..., None] * [0.95047, 1, 1.08883] @ TO_SRGB.T)
    apart = np.abs(shown("logluv24.tif") - expected)
    assert apart.max() <= 10, "so few bits have steps of 9 in dark blue"
    assert apart.mean() <= 2
