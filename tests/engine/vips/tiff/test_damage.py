"""Strips and tiles that are damaged, and those that are only described badly."""

import random
from typing import Any

import numpy as np
import pytest

from engine import Source
from engine.errors import SourceCorrupt, UnsupportedFormat
from engine.sources.tiff import chunks_of, first_page
from engine.vips.binding import drain
from engine.vips.tiff import open_tiff
from tests.engine.images import decoded, encoded, make, noise, smooth
from tests.engine.tiff_files import BYTE, LONG, SHORT, Tiff, raw
from tests.engine.uploads import written

RGB = Tiff(smooth(64, 48), rows=16, compression=8)
KINDS: dict[str, bytes] = {
    "deflate": bytes(RGB),
    "deflate, tiles": bytes(RGB.but(tile=(16, 16))),
    "deflate, planes": bytes(RGB.but(planar=True)),
    "deflate, 12 bits": bytes(RGB.but(bits=12)),
    "lzw": encoded(smooth(64, 48), "TIFF", compression="tiff_lzw"),
    "packbits": encoded(smooth(64, 48), "TIFF", compression="packbits"),
    "jpeg": encoded(noise(64, 48), "TIFF", compression="jpeg"),
    "fax": encoded(noise(64, 48, 1), "TIFF", mode="1", compression="group4"),
}


def places(data: bytes) -> tuple[int, int]:
    """Tell where the first strip or tile lies."""
    chunks = chunks_of(first_page(data), len(data))
    return chunks.offsets[0], chunks.lengths[0]


@pytest.mark.parametrize("name", KINDS)
def test_what_cannot_be_unpacked_is_damage(name: str) -> None:
    data = bytearray(KINDS[name])
    at, length = places(bytes(data))
    middle = at + length // 2
    data[middle : at + length] = random.Random(1).randbytes(at + length - middle)
    with pytest.raises(SourceCorrupt):
        make(bytes(data))
    data = bytearray(KINDS[name])
    data[at : at + length] = bytes(length)
    with pytest.raises(SourceCorrupt):
        make(bytes(data))


@pytest.mark.parametrize("cut", [100, 1_000, 3_000])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"planar": True}, {"bits": 12}])
@pytest.mark.parametrize("compression", [1, 8])
def test_zeros_stand_for_what_is_not_there(
    compression: int, options: dict[str, Any], cut: int
) -> None:
    tiff = Tiff(noise(64, 48), rows=16, compression=compression, ahead=True).but(**options)
    data = bytes(tiff)
    whole = open_tiff(Source.from_bytes(data)).numpy()
    with pytest.raises(SourceCorrupt, match="the file ends before its last pixels"):
        make(data[:-cut])
    made = open_tiff(Source.from_bytes(data[:-cut]), tolerant=True).numpy()
    assert np.array_equal(made[:16], whole[:16]) or tiff.planar
    assert not made[-1, -1].all()
    assert ((made == whole) | (made == 0)).mean() > 0.9


def test_the_tolerant_get_the_strips_that_are_whole() -> None:
    data = bytearray(bytes(RGB))
    at, length = places(bytes(data))
    data[at : at + length] = bytes(length)
    made = open_tiff(Source.from_bytes(bytes(data)), tolerant=True).numpy()
    assert not made[:16].any()
    assert np.array_equal(made[16:], smooth(64, 48)[16:])


BADLY_TOLD: dict[str, Tiff] = {
    "no lengths": RGB.but(compression=1, without=[279]),
    "wrong lengths": RGB.but(compression=1, fields=[(279, LONG, [1, 2, 3])]),
    "one strip without a length": RGB.but(rows=48, without=[279]),
    "one strip of no length": RGB.but(rows=48, fields=[(279, LONG, [0])]),
    "more strips than needed": RGB.but(rows=48, fields=[(278, LONG, [64])]),
    "unknown fields": RGB.but(fields=[(tag, SHORT, [tag]) for tag in range(40_000, 40_100)]),
    "text that is none": RGB.but(fields=[(305, LONG, [8, 9]), (306, BYTE, [1]), (270, 2, [])]),
    "no resolution unit": RGB.but(fields=[(296, SHORT, [77]), (282, SHORT, [0])]),
    "a profile that is none": RGB.but(fields=[(34675, LONG, [1, 2])]),
    "a metadata block elsewhere": RGB.but(fields=[(700, BYTE, [1] * 9), (34665, LONG, [2**31])]),
}


@pytest.mark.parametrize("name", BADLY_TOLD)
def test_wrong_fields_that_change_no_pixel_pass(name: str) -> None:
    made = make(bytes(BADLY_TOLD[name]))
    assert np.array_equal(decoded(made.data), smooth(64, 48))


def old_lzw(data: bytes) -> bytes:
    """Pack with LZW as it was before TIFF 6: lower bits first. Its codes stay at 9 bits."""
    parts = (data[at : at + 200] for at in range(0, len(data), 200))
    codes = [*(code for part in parts for code in (256, *part)), 257]
    number: int = sum(code << 9 * place for place, code in enumerate(codes))
    return number.to_bytes(-(-9 * len(codes) // 8), "little")


def test_old_lzw_is_no_damage() -> None:
    tiff = RGB.but(compression=5, rows=48, chunks=[old_lzw(smooth(64, 48).tobytes())])
    assert np.array_equal(decoded(make(bytes(tiff)).data), smooth(64, 48))
    cut = tiff.but(chunks=[old_lzw(smooth(64, 48).tobytes()[:5_000])])
    with pytest.raises(SourceCorrupt):
        make(bytes(cut))


def test_a_fax_without_declared_colours_is_black_on_white() -> None:
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(32, 64, 1)
    data = encoded(bits * 255, "TIFF", mode="1", compression="group4")
    chunk = data[slice(at := places(data)[0], at + places(data)[1])]
    fax = Tiff(bits, 1, compression=4, rows=32, chunks=[chunk])
    white, told = (decoded(make(bytes(fax.but(photometric=each))).data) for each in (0, 1))
    untold = decoded(make(bytes(fax.but(without=[262]))).data)
    assert np.array_equal(untold, white)
    assert np.array_equal(untold, 255 - told)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("told", [[1, 1], [2, 2], [4, 4], []])
def test_jpeg_knows_its_subsampling_better_than_the_directory(
    subsampling: str, told: list[int]
) -> None:
    data = encoded(smooth(64, 48), "JPEG", subsampling=subsampling)
    tiff = Tiff(np.empty((48, 64, 3)), photometric=6, compression=7, rows=48, chunks=[data])
    made = decoded(make(bytes(tiff.but(fields=[(530, SHORT, told)] if told else ()))).data)
    assert np.array_equal(made, decoded(data))


@pytest.mark.parametrize("told", [[], [513], [513, 514]])
@pytest.mark.parametrize("bands", [1, 3])
def test_old_style_jpeg_that_is_a_whole_file(bands: int, told: list[int]) -> None:
    """As some writers of faxes have it, with fields that are missing or wrong."""
    data = encoded(smooth(64, 48, bands), "JPEG")
    tiff = Tiff(np.empty((48, 64, bands)), photometric=6, compression=6, rows=48, chunks=[data])
    fields = [(tag, LONG, [8 if tag == 513 else len(data)]) for tag in told]
    for without in ([], [258, 277], [279]):
        made = decoded(make(bytes(tiff.but(fields=fields, without=without))).data)
        assert np.array_equal(made, np.broadcast_to(decoded(data), made.shape))
    other = tiff.but(samples=np.empty((47, 64, bands)))
    with pytest.raises(UnsupportedFormat, match="old-style JPEG"):
        make(bytes(other))


def test_old_style_jpeg_whose_header_is_given_without_the_scan() -> None:
    """The only strip is the scan; where it does not follow there is no whole file."""
    data = encoded(smooth(64, 48), "JPEG")
    scan = data.index(b"\xff\xda")
    tiff = Tiff(np.empty((48, 64, 3)), photometric=6, compression=6, rows=48, chunks=[data])
    told = [(513, LONG, [8]), (514, LONG, [scan]), (279, LONG, [len(data) - scan])]
    whole = tiff.but(fields=[*told, (273, LONG, [8 + scan])])
    assert np.array_equal(decoded(make(bytes(whole)).data), decoded(data))
    with pytest.raises(UnsupportedFormat, match="old-style JPEG"):
        make(bytes(tiff.but(fields=[*told, (273, LONG, [9 + scan])])))


def test_old_style_jpeg_whose_offset_is_wrong() -> None:
    data = encoded(smooth(64, 48), "JPEG")
    tiff = Tiff(np.empty((48, 64, 3)), photometric=6, compression=6, rows=48, chunks=[data])
    made = make(bytes(tiff.but(fields=[(513, LONG, [14]), (514, LONG, [len(data)])])))
    assert np.array_equal(decoded(made.data), decoded(data))


@pytest.mark.parametrize("name", KINDS)
def test_what_is_taken_of_a_damaged_image_is_called_damaged(name: str) -> None:
    data = bytearray(KINDS[name])
    at, length = places(bytes(data))
    data[at + length // 2 : at + length] = random.Random(1).randbytes(length - length // 2)
    assert make(bytes(data), damaged="accept").damaged
    assert not make(KINDS[name], damaged="accept").damaged


def test_damage_in_tiles_of_jpeg_is_seen() -> None:
    """libvips unpacks these itself, and only notes what libjpeg warns of."""
    options: dict[str, Any] = {"compression": "jpeg", "tile": True}
    data = bytearray(written(noise(64, 48), ".tif", "srgb", **options))
    at, length = places(bytes(data))
    data[at + length // 2 : at + length] = b"\xff" * (length - length // 2)
    with pytest.raises(SourceCorrupt, match="premature end"):
        make(bytes(data))
    assert make(bytes(data), damaged="accept").damaged


def test_what_is_no_number_is_no_damage() -> None:
    values = np.full((8, 8, 1), np.nan, np.float32)
    drain(open_tiff(Source.from_bytes(bytes(Tiff(raw(values), 32, 1, numbers=3)))))
