"""libjpeg-turbo beside libvips: the same pixels, and no file that libvips would refuse."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from engine import Source
from engine.raster import Subsampling, decode, encode
from engine.sources import SourceFormat
from engine.vips import as_image, binding, load, three_colours
from tests.engine.images import (
    DATA,
    PHOTOS,
    Pixels,
    decoded,
    distance,
    encoded,
    noise,
    pixels_in,
    raster_of,
)

CAT = np.asarray(Image.open(PHOTOS / "chelsea.png").convert("RGB"))
PLAIN = encoded(CAT, "JPEG", quality=85)


def by_libvips(data: bytes, shrink: int = 1) -> Pixels:
    """Decode in RGB; pyvips.Error if it cannot be."""
    image = three_colours(load(Source.from_bytes(data), SourceFormat.JPEG, shrink))
    pixels: Pixels = image.numpy()
    return pixels


@pytest.mark.parametrize("shrink", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("mode", "subsampling"),
    [("RGB", "4:4:4"), ("RGB", "4:2:2"), ("RGB", "4:2:0"), ("L", "4:4:4")],
)
@pytest.mark.parametrize("size", [(451, 300), (67, 41)])
def test_it_decodes_to_the_same_pixels(
    size: tuple[int, int], mode: str, subsampling: str, shrink: int
) -> None:
    file = io.BytesIO()
    Image.fromarray(CAT).resize(size).convert(mode).save(file, "JPEG", subsampling=subsampling)
    raster = decode(file.getvalue(), *size, shrink)
    assert raster is not None
    assert np.array_equal(pixels_in(raster), by_libvips(file.getvalue(), shrink))


@pytest.mark.parametrize(
    "data",
    [
        PLAIN[:-2],
        PLAIN[:9000],
        PLAIN[:9000] + PLAIN[-2:],
        (DATA / "cases" / "half_eoi.jpg").read_bytes(),
        (DATA / "cases" / "noeoi.jpg").read_bytes(),
        b"",
        b"no JPEG",
        encoded(CAT[:200], "JPEG"),  # another size than the header told
    ],
    ids=["no end", "cut", "ends early", "half", "no end marker", "empty", "other", "size"],
)
def test_what_it_has_anything_to_say_about_is_left_to_libvips(data: bytes) -> None:
    assert decode(data, 451, 300) is None


def test_it_takes_nothing_that_libvips_refuses() -> None:
    """Of files that are damaged by chance, what it takes is what libvips makes, too."""
    chance, taken = random.Random(0), 0
    for _ in range(150):
        data = bytearray(PLAIN)
        for _ in range(chance.choice([1, 1, 3])):
            data[chance.randrange(2, len(data))] = chance.randrange(256)
        raster = decode(bytes(data), 451, 300)
        if raster is not None:
            taken += 1
            with binding.source_errors():
                assert np.array_equal(pixels_in(raster), by_libvips(bytes(data)))
    assert taken > 20


@pytest.mark.parametrize(
    "image",
    [CAT, noise(120, 90), np.arange(256, dtype=np.uint8).repeat(90).reshape(-1, 30, 3)],
    ids=["photo", "noise", "gradient"],
)
@pytest.mark.parametrize("quality", [1, 40, 75, 89, 96, 100])
def test_it_loses_no_more_than_libvips(image: Pixels, quality: int) -> None:
    full = quality >= 90
    turbo = encode(raster_of(image), quality, Subsampling.FULL if full else Subsampling.QUARTER)
    vips = as_image(raster_of(image)).jpegsave_buffer(Q=quality, keep="none")
    (_, ours), (_, theirs) = (distance(decoded(data), image) for data in (turbo, vips))
    assert ours >= min(theirs - 0.15, 48)
    assert len(turbo) <= 1.02 * len(vips) + 18
