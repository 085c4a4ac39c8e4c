"""PNG: texts in Latin-1, EXIF wherever it stands, colours that are told in numbers."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from engine import Source, read_facts
from engine.errors import UnsupportedFormat
from engine.sources.metadata import icc
from tests.engine.images import DATA, Json, Pixels, decoded, encoded, make, noise, pixels_of, smooth
from tests.engine.uploads import written

PLAIN = encoded(smooth(24, 10))
DISPLAY_P3 = icc.of_code_points(12, 13, grey=False) or b""


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def before_pixels(png: bytes, *chunks: bytes) -> bytes:
    return png[:33] + b"".join(chunks) + png[33:]


def behind_pixels(png: bytes, *chunks: bytes) -> bytes:
    return png[:-12] + b"".join(chunks) + png[-12:]


def exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[0x0112] = orientation
    return found.tobytes().removeprefix(b"Exif\0\0")


def raw_profile(data: bytes, key: bytes = b"Raw profile type exif") -> bytes:
    return key + b"\0\nexif\n%8d\n%s\n" % (len(data), data.hex().encode())


LATIN = chunk(b"tEXt", "Schlüßel\0Wert".encode("latin-1"))


@pytest.mark.parametrize("where", [before_pixels, behind_pixels])
def test_text_in_latin_1_is_read_over(where: Callable[..., bytes]) -> None:
    source = where(PLAIN, LATIN, chunk(b"tEXt", b"\xff\xfe\0x"))
    assert np.array_equal(pixels_of(source), smooth(24, 10))
    kept = make(source, destination="o.jpg", keep="copyright")
    assert not kept.damaged


ODD = {
    "70 texts": [chunk(b"tEXt", b"k%d\0v" % at) for at in range(70)],
    "a date": [chunk(b"tIME", b"\xff" * 7)],
    "a thousand palettes": [chunk(b"sPLT", b"p%d\0\x08" % at) for at in range(1001)],
    "half a colour": [chunk(b"PLTE", bytes(31))],
    "a letter of EXIF": [chunk(b"eXIf", b"z")],
    "a damaged text": [chunk(b"tEXt", b"k\0v")[:-1] + b"?"],
    "a profile": [chunk(b"iCCP", b"x\0\0" + zlib.compress(b"x" * 200))],
}


@pytest.mark.parametrize("name", ODD)
def test_chunks_that_change_no_pixel_are_no_damage(name: str) -> None:
    assert np.array_equal(pixels_of(before_pixels(PLAIN, *ODD[name])), smooth(24, 10))


def test_a_palette_in_grey_is_no_damage() -> None:
    grey = smooth(24, 10, 1)
    source = before_pixels(encoded(grey), chunk(b"PLTE", bytes(30)))
    assert np.array_equal(pixels_of(source)[..., 0], grey[..., 0])


@pytest.mark.parametrize(
    "name", ["01_png_latin1_keyword_issue2026", "01b_png_latin1_keyword_valid_selfmade"]
)
def test_files_with_such_text(name: str) -> None:
    source = (DATA / "cases" / f"{name}.png").read_bytes()
    assert make(source, {"type": "filter", "filter": "sepia"}, destination="o.webp").width > 0


KEY, _, TEXT = raw_profile(b"Exif\0\0" + exif(6)).partition(b"\0")
PACKED = KEY + b"\0\0" + zlib.compress(TEXT)
TURNED = {
    "before": before_pixels(PLAIN, chunk(b"eXIf", exif(6))),
    "behind": behind_pixels(PLAIN, chunk(b"eXIf", exif(6))),
    "behind, among texts": behind_pixels(PLAIN, LATIN, chunk(b"eXIf", exif(6)), LATIN),
    "text": before_pixels(PLAIN, chunk(b"tEXt", raw_profile(b"Exif\0\0" + exif(6)))),
    "APP1": before_pixels(PLAIN, chunk(b"tEXt", raw_profile(exif(6), b"Raw profile type APP1"))),
    "packed text": before_pixels(PLAIN, chunk(b"zTXt", PACKED)),
    "chunk before text": behind_pixels(
        before_pixels(PLAIN, chunk(b"tEXt", raw_profile(exif(3)))), chunk(b"eXIf", exif(6))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TURNED)
def test_exif_turns_wherever_it_stands(name: str) -> None:
    assert read_facts(Source.from_bytes(TURNED[name])).orientation == 6
    assert np.array_equal(pixels_of(TURNED[name]), np.rot90(smooth(24, 10), -1))


STRANGE = {
    "checksum": behind_pixels(PLAIN, chunk(b"eXIf", exif(6))[:-1] + b"\0"),
    "no hexadecimal": before_pixels(PLAIN, chunk(b"tEXt", KEY + b"\0\nexif\n 4\nxyz\n")),
    "nothing": before_pixels(PLAIN, chunk(b"tEXt", KEY + b"\0")),
    "not packed": before_pixels(PLAIN, chunk(b"zTXt", KEY + b"\0\0abc")),
    "xmp": before_pixels(
        PLAIN, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='6'/>")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_exif_turns_nothing(name: str) -> None:
    assert read_facts(Source.from_bytes(STRANGE[name])).orientation == 1
    assert np.array_equal(pixels_of(STRANGE[name]), smooth(24, 10))


# Red, green and blue of a wide gamut in sRGB, and what lies within; by the primaries' formulas.
COLOURS = np.array([[[255, 0, 0], [0, 200, 0], [128, 128, 128], [40, 90, 120]]], np.uint8)
TO_SRGB = {
    "P3": [[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]],
    "BT.2020": [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
}


def in_srgb(pixels: Pixels, gamut: str) -> Pixels:
    share = pixels / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ np.array(TO_SRGB[gamut]).T, 0, 1)
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    made: Pixels = np.rint(255 * coded).astype(np.uint8)
    return made


@pytest.mark.parametrize(("code", "gamut"), [(b"\x0c\x0d\0\1", "P3"), (b"\x09\x0d\0\1", "BT.2020")])
@pytest.mark.parametrize("beside", [b"", chunk(b"sRGB", b"\0"), "profile"])
def test_cicp_goes_before_everything_else(code: bytes, gamut: str, beside: bytes | str) -> None:
    other = beside
    if other == "profile":
        linear = icc.of_code_points(1, 8, grey=False) or b""
        other = chunk(b"iCCP", b"x\0\0" + zlib.compress(linear))
    assert isinstance(other, bytes)
    source = before_pixels(encoded(COLOURS), other, chunk(b"cICP", code))
    made = pixels_of(source).astype(int)
    assert np.abs(made - in_srgb(COLOURS, gamut)).max() <= 2


def test_cicp_of_srgb_removes_a_profile() -> None:
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(DISPLAY_P3))
    source = before_pixels(encoded(COLOURS), profile, chunk(b"cICP", b"\1\x0d\0\1"))
    assert np.array_equal(pixels_of(source), COLOURS)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_brought_below_white(transfer: int) -> None:
    """As browsers show it without HDR: dark stays dark, nothing is clipped, greys stay grey."""
    greys = np.repeat(np.arange(0, 256, 5).astype(np.uint8)[None, :, None], 3, axis=2)
    made = pixels_of(before_pixels(encoded(greys), chunk(b"cICP", bytes([9, transfer, 0, 1]))))
    row = made[0].astype(int)
    assert np.ptp(row, axis=1).max() <= 2
    assert (np.diff(row[:, 0]) >= 0).all()
    assert row[0, 0] == 0
    white = 148 if transfer == 16 else 191  # of 203 candelas
    assert 180 <= np.interp(white, np.arange(0, 256, 5), row[:, 0]) <= 195
    assert row[-1, 0] == 255


@pytest.mark.parametrize("code", [b"\x0c\x0d\0\0", b"\x0c\x0d\1\1", b"\xc8\x0d\0\1", b"\1\x63\0\1"])
def test_colours_that_nobody_knows_are_refused_by_name(code: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match=r"the colours \d+/\d+/\d+/\d of cICP"):
        read_facts(Source.from_bytes(before_pixels(PLAIN, chunk(b"cICP", code))))


def gamma_and(primaries: icc.Chromaticities, gamma: float = 2.2) -> list[bytes]:
    numbers = (round(value * 100_000) for place in primaries for value in place)
    return [
        chunk(b"gAMA", struct.pack(">I", round(100_000 / gamma))),
        chunk(b"cHRM", struct.pack(">8I", *numbers)),
    ]


def test_a_clear_level_of_16_bits_is_that_one_alone() -> None:
    """And none beside an alpha channel, where the chunk means nothing."""
    deep, out = np.arange(200, 300).astype(np.uint16).reshape(10, 10), io.BytesIO()
    Image.fromarray(deep).save(out, "PNG")
    made = pixels_of(before_pixels(out.getvalue(), chunk(b"tRNS", b"\0\xff")))
    assert np.array_equal(made[..., -1] == 0, deep == 255)
    veiled = noise(9, 5, 4)
    veiled[0, 0, :3] = 255
    told = chunk(b"tRNS", b"\0\xff" * 3)
    assert np.array_equal(pixels_of(before_pixels(encoded(veiled), told)), veiled)


def test_gamma_and_primaries_count_together() -> None:
    wide = gamma_and(icc.PRIMARIES[12])
    some = COLOURS[:, :3]  # 2.2 is not sRGB's curve, which tells in the dark
    made = pixels_of(before_pixels(encoded(some), *wide)).astype(int)
    assert np.abs(made - in_srgb(some, "P3")).max() <= 2
    for alone in (*([each] for each in wide), [*wide, chunk(b"sRGB", b"\0")], gamma_and(icc.SRGB)):
        assert np.array_equal(pixels_of(before_pixels(encoded(COLOURS), *alone)), COLOURS)


def test_gamma_of_grey() -> None:
    grey = np.arange(0, 250, 10).astype(np.uint8)[None, :, None]
    source = before_pixels(encoded(grey), *gamma_and(icc.SRGB, 1.0))
    light = (grey / 255).clip(0.0001)
    wanted = 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    made = pixels_of(source).astype(int)
    assert np.abs(made - wanted).max() <= 2


def test_primaries_without_sense_are_read_over() -> None:
    same = (0.3, 0.3)
    for places in (icc.Chromaticities(*[same] * 4), icc.Chromaticities(*[(0.0, 0.0)] * 4)):
        source = before_pixels(encoded(COLOURS), *gamma_and(places))
        assert np.array_equal(pixels_of(source), COLOURS)


@pytest.mark.parametrize("kind", [".png", ".tif"])
def test_16_bits_of_a_wide_gamut_are_right_to_2_levels(kind: str) -> None:
    deep = written(COLOURS.astype(np.uint16) * 257, kind, "rgb16", DISPLAY_P3)
    assert np.abs(pixels_of(deep).astype(int) - in_srgb(COLOURS, "P3")).max() <= 2


def test_16_bits_of_light_itself_keep_their_shadows() -> None:
    linear = icc.of_code_points(1, 8, grey=False) or b""
    ramp = np.repeat(np.arange(0, 2560, 10).astype(np.uint16)[None, :, None], 3, axis=2)
    made = pixels_of(written(ramp, ".png", "rgb16", linear))
    light = ramp / 65535
    wanted = 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(made.astype(int) - wanted).max() <= 2


@pytest.mark.parametrize("end", [100, 4000])
def test_a_png_without_its_last_chunk_is_whole(end: int) -> None:
    data = encoded(noise(40, 40))
    assert make(data[:-12], {"type": "resize", "width": 9}).width == 9
    words: Json = {"type": "resize", "width": 9}
    assert decoded(make(data[:-end], words, damaged="accept").data).shape == (9, 9, 3)
