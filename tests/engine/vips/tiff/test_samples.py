"""Samples of any number of bits, however they lie: what tifffile reads, or what was packed."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile

from engine import Source
from engine.vips.tiff import open_tiff
from tests.engine.images import decoded, make
from tests.engine.tiff_files import Samples, Tiff, numbers, raw

GREY, RGB, CMYK = 1, 2, 5
WAYS: dict[str, dict[str, Any]] = {
    "strips": {},
    "big-endian": {"order": ">", "compression": 8},
    "planes": {"planar": True},
    "planes in tiles": {"planar": True, "tile": (32, 16), "order": ">"},
    "tiles": {"tile": (16, 32), "compression": 8, "big": True},
    "one strip": {"rows": 2**32 - 1},
}
COUNTS = ((1, GREY), (3, RGB), (4, CMYK))


def opened(data: bytes) -> Samples:
    image = open_tiff(Source.from_bytes(data))
    pixels: Samples = image.numpy().reshape(image.height, image.width, image.bands)
    return pixels


def upper(samples: Samples, bits: int) -> Samples:
    """Return 8 bits of each: stretched, or the upper ones."""
    if bits <= 8:
        return np.asarray(np.rint(samples * (255 / (2**bits - 1)))).astype(np.uint8)
    return np.asarray(samples >> np.uint64(bits - 8)).astype(np.uint8)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bits", range(1, 33))
def test_every_number_of_bits(bits: int, way: str) -> None:
    """Each number in each way and with each count, and each way with each count."""
    count, photometric = COUNTS[(bits + list(WAYS).index(way)) % len(COUNTS)]
    samples = numbers(bits, count)
    options = WAYS[way]
    if "tile" in options:  # a tile is of sixteens of bytes, and so of pixels
        options = options | {"tile": (128 if bits % 8 else 16, 32)}
    made = opened(bytes(Tiff(samples, bits, photometric, **options)))
    made = made >> 8 if made.dtype == np.uint16 else made
    assert np.array_equal(made, upper(samples, bits))


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_whole_bytes_are_what_tifffile_reads(bits: int) -> None:
    samples = numbers(bits, 3, seed=bits)
    for options in WAYS.values():
        data = bytes(Tiff(samples, bits, **options))
        theirs = tifffile.imread(io.BytesIO(data))
        theirs = np.moveaxis(theirs, 0, -1) if options.get("planar") else theirs
        assert np.array_equal(theirs, samples)
        assert np.array_equal(decoded(make(data).data), upper(theirs, bits))


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_signed_numbers_are_black_below_0(bits: int) -> None:
    values = np.array([-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 2), 2 ** (bits - 1) - 1])
    signed = values.astype(f"i{bits // 8}").reshape(1, 6, 1)
    made = decoded(make(bytes(Tiff(raw(signed), bits, GREY, numbers=2))).data)
    assert made[0, :, 0].tolist() == [0, 0, 0, *([2, 129] if bits == 8 else [0, 128]), 255]


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_of_every_width(kind: type[np.floating[Any]], order: str, planar: bool) -> None:
    values = np.random.default_rng(1).random((21, 100, 3)).astype(kind)
    tiff = Tiff(raw(values), 8 * values.itemsize, numbers=3, order=order, planar=planar)
    for tile in (None, (16, 16)):
        made = opened(bytes(tiff.but(tile=tile, compression=8 if tile else 1)))
        assert made.dtype == np.float32
        assert np.array_equal(made, values.astype(np.float32))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8, 12, 16])
def test_white_may_be_zero(bits: int) -> None:
    samples = numbers(bits, 1)
    made = decoded(make(bytes(Tiff(samples, bits, photometric=0))).data)
    expected = decoded(make(bytes(Tiff(2**bits - 1 - samples, bits, GREY))).data)
    assert np.array_equal(made, expected)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8, 16])
def test_palettes(bits: int, planar: bool) -> None:
    colours = np.random.default_rng(2).integers(256, 65_536, (3, 2**bits))
    places = numbers(bits, 2 if planar else 1)
    fields = [(320, 3, colours.ravel().tolist())]
    tiff = Tiff(places, bits, photometric=3, planar=planar, fields=fields)
    made = decoded(make(bytes(tiff.but(extras=[2] if planar else None))).data)
    expected = np.moveaxis(colours >> 8, 0, -1)[places[..., 0].astype(int)]
    assert np.array_equal(made[..., :3], expected)
    assert made.shape[-1] == (4 if planar else 3)


def test_an_old_palette_has_8_bits() -> None:
    places, colours = numbers(4, 1), np.arange(48) * 5
    made = make(bytes(Tiff(places, 4, photometric=3, fields=[(320, 3, colours.tolist())])))
    expected = np.moveaxis(colours.reshape(3, 16), 0, -1)[places[..., 0].astype(int)]
    assert np.array_equal(decoded(made.data), expected)


def test_a_strip_may_be_longer_than_50_mb() -> None:
    samples = np.zeros((4_200, 4_200, 3), np.uint8)
    samples[-1] = 200
    for planar in (False, True):
        data = bytes(Tiff(samples, rows=4_200, compression=8, planar=planar))
        last = open_tiff(Source.from_bytes(data)).crop(0, 4_198, 1, 2).numpy()
        assert last[:, 0, 0].tolist() == [0, 200]


def test_a_tile_may_be_larger_than_the_image() -> None:
    samples = numbers(8, 3)
    for tile in ((512, 1024), (32, 512)):
        for options in ({}, {"planar": True}, {"bits": 4}):
            tiff = Tiff(samples & 15, tile=tile, compression=8).but(**options)
            expected = opened(bytes(tiff.but(tile=None)))
            assert np.array_equal(opened(bytes(tiff)), expected)
