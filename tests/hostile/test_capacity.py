"""Files too short for their pixels are told before they are decoded; plain images never are."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import EngineLimits, Job, Output, Source, parse, read_facts, render
from engine.errors import SourceCorrupt
from tests.attack.bombs import BOMBS
from tests.engine.images import Pixels, encoded, smooth
from tests.engine.uploads import KINDS
from tests.hostile.bombs import gif, png
from tests.hostile.guard import ends

SHORT: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: png(9, 9)[:16] + (15_000).to_bytes(4, "big") * 2 + png(9, 9)[24:],
    "JPEG": BOMBS["JPEG that claims 15,000² pixels"].make,
    "progressive JPEG": lambda: _claims(encoded(smooth(16, 16), "JPEG", progressive=True)),
    "JPEG whose data end at once": lambda: (
        BOMBS["JPEG that claims 15,000² pixels"].make() + bytes(9_000_000)
    ),
    "GIF": lambda: _of_one_frame(15_000),
    "TIFF, deflate": BOMBS["TIFF of 15,000² pixels and no data"].make,
}


def _claims(data: bytes, side: int = 15_000) -> bytes:
    at = data.index(b"\xff\xc2") + 5
    return data[:at] + side.to_bytes(2, "big") * 2 + data[at + 4 :]


def _of_one_frame(side: int) -> bytes:
    """Write a GIF whose frame is as large as its canvas, and has two bytes of codes."""
    data, size = gif(1, side, side), side.to_bytes(2, "little") * 2
    return data.replace(b",\0\0\0\0\1\0\1\0", b",\0\0\0\0" + size)


def _job(**fields: str) -> Job:
    words = "".join(f', "{name}": "{value}"' for name, value in fields.items())
    resize = '[{"type": "resize", "width": 9}]'
    return parse(f'{{"destination": "a.png", "transformations": {resize}{words}}}'.encode(), Job)


@pytest.mark.parametrize("kind", SHORT)
def test_what_cannot_hold_its_pixels_is_damaged_before_it_is_decoded(kind: str) -> None:
    source = Source.from_bytes(SHORT[kind]())
    with ends(kind):
        facts = read_facts(source)
        [(_, refused)] = render(source, (_job(),))
    assert facts.damaged == "the image is damaged: its data end before its last pixel"
    assert isinstance(refused, SourceCorrupt)


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
def test_who_accepts_damage_is_given_what_there_is(kind: str) -> None:
    data = _claimed_baseline(2_000) if kind == "JPEG" else _of_one_frame(300)
    [(_, made)] = render(Source.from_bytes(data), (_job(damaged="accept"),))
    assert isinstance(made, Output)
    assert made.damaged


def _claimed_baseline(side: int) -> bytes:
    data = encoded(smooth(16, 16), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + side.to_bytes(2, "big") * 2 + data[at + 4 :]


def _plain(width: int, height: int, bands: int) -> Pixels:
    return np.zeros((height, width, bands), np.uint8)


PLAIN: dict[str, Callable[[int, int], bytes]] = {
    "PNG": lambda w, h: encoded(_plain(w, h, 1), compress_level=9),
    "PNG of bits": lambda w, h: encoded(_plain(w, h, 1), mode="1", compress_level=9),
    "PNG, RGBA": lambda w, h: encoded(_plain(w, h, 4), compress_level=9),
    "JPEG": lambda w, h: encoded(_plain(w, h, 3), "JPEG", quality=1, optimize=True),
    "grey JPEG": lambda w, h: encoded(_plain(w, h, 1), "JPEG", quality=1, optimize=True),
    "JPEG, 4:4:4": lambda w, h: encoded(_plain(w, h, 3), "JPEG", subsampling=0, optimize=True),
    "CMYK JPEG": lambda w, h: encoded(_plain(w, h, 4), "JPEG", "CMYK", optimize=True),
    "progressive JPEG": lambda w, h: encoded(
        _plain(w, h, 3), "JPEG", quality=1, progressive=True
    ),
    "JPEG with restarts": lambda w, h: encoded(_plain(w, h, 3), "JPEG", restart_marker_blocks=1),
    "GIF": lambda w, h: encoded(_plain(w, h, 1), "GIF", optimize=True),
    "GIF of bits": lambda w, h: encoded(_plain(w, h, 1), "GIF", mode="1"),
    "WebP": lambda w, h: encoded(_plain(w, h, 3), "WEBP", lossless=True),
    "TIFF, deflate": lambda w, h: encoded(
        _plain(w, h, 3), "TIFF", compression="tiff_adobe_deflate"
    ),
    "TIFF, LZW": lambda w, h: encoded(_plain(w, h, 3), "TIFF", compression="tiff_lzw"),
    "TIFF, PackBits": lambda w, h: encoded(_plain(w, h, 3), "TIFF", compression="packbits"),
    "TIFF of bits, fax": lambda w, h: encoded(_plain(w, h, 1), "TIFF", "1", compression="group4"),
}  # fmt: skip
SIDES = st.integers(1, 700)


@pytest.mark.parametrize("kind", PLAIN)
@given(width=SIDES, height=SIDES)
def test_a_plain_image_is_whole(kind: str, width: int, height: int) -> None:
    assert read_facts(Source.from_bytes(PLAIN[kind](width, height))).damaged == ""


@pytest.mark.parametrize("kind", PLAIN)
def test_a_large_plain_image_is_whole(kind: str) -> None:
    assert read_facts(Source.from_bytes(PLAIN[kind](3_000, 2_500))).damaged == ""


@pytest.mark.parametrize("name", KINDS)
def test_ordinary_files_are_whole(name: str) -> None:
    facts = read_facts(Source.from_bytes(KINDS[name]()), EngineLimits(allow_svg=True))
    assert facts.damaged == ""
