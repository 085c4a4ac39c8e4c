"""AVIF as browsers show it: sequences, levels, opacity that turns with the colours, code points."""

import io
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine import Source, read_facts
from engine.errors import UnsupportedFormat
from engine.sources import heif
from tests.corpus.reference import reference
from tests.engine.heif_sequences import sequence_of
from tests.engine.images import DATA, Pixels, decoded, encoded, make, noise, pixels_of, smooth
from tests.engine.sources.test_partial_source import read_by_pieces
from tests.engine.uploads import animation
from tests.engine.vips.test_png import COLOURS, in_srgb

TURNED = (DATA / "cases" / "10_avif_alpha_without_irot.avif").read_bytes()
GREY = DATA / "cases" / "09_avif_mono_limited.avif"
SPARE: Any = {"quality": 100, "subsampling": "4:4:4", "speed": 8}


def as_pillow_has_it(data: bytes) -> Pixels:
    """Return Pillow's pixels, which are libavif's."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def rgba(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(make(data).data)).convert("RGBA"))


def test_grey_of_limited_levels_is_stretched() -> None:
    wanted = reference(GREY)
    assert wanted is not None
    made = rgba(GREY.read_bytes()).astype(int)
    assert (made.min(), made[..., :3].max()) == (0, 255)
    assert np.abs(made - wanted).max() <= 1


@pytest.mark.parametrize("kind", [b"irot", b"imir"])
@pytest.mark.parametrize("value", range(4))
def test_opacity_turns_with_the_colours(kind: bytes, value: int) -> None:
    """As it would with a turn of its own, which libheif follows."""
    at = TURNED.index(b"irot")
    source = TURNED[:at] + kind + bytes([value & (1 if kind == b"imir" else 3)]) + TURNED[at + 5 :]
    upright = TURNED[:at] + b"irot\0" + TURNED[at + 5 :]
    made, still = rgba(source), rgba(upright)
    if kind == b"irot":
        wanted = np.rot90(still, value)
    else:
        wanted = still[:, ::-1] if value & 1 else still[::-1]
    assert np.array_equal(made, wanted)
    facts, _ = read_by_pieces(source)
    assert facts == read_facts(Source.from_bytes(source))


@pytest.mark.parametrize("value", range(4))
def test_colours_of_half_an_odd_size_stay_where_they_are_when_turned(value: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    grid = COLOURS.repeat(3, 0).repeat(3, 1)[:21, :33]
    data = encoded(grid, "AVIF", quality=95, subsampling="4:2:0", exif=tags.tobytes())
    at = data.index(b"irot") + 4
    made, still = (pixels_of(data[:at] + bytes([turn]) + data[at + 1 :]) for turn in (value, 0))
    assert np.array_equal(made, np.rot90(still, value))


def test_colours_that_are_multiplied_by_their_opacity_are_divided() -> None:
    """In a still image, and in a sequence that has none."""
    pixels = smooth(48, 20, 4)
    pixels[..., 3] = 128
    source = encoded(pixels, "AVIF", alpha_premultiplied=True, **SPARE)
    made = rgba(source)
    assert np.abs(made.astype(int) - as_pillow_has_it(source)).max() <= 3
    assert np.abs(made.astype(int) - pixels).max() <= 6
    frames: Any = {"save_all": True, "append_images": [Image.fromarray(pixels)]}
    moving = encoded(pixels, "AVIF", alpha_premultiplied=True, **SPARE, **frames)
    assert np.array_equal(rgba(still_taken_from(moving)), rgba(moving))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_sequence_that_is_cut_short_is_damaged_although_its_first_frame_is_whole(
    share: float,
) -> None:
    data = animation("AVIF", [noise(64, 64, seed=seed) for seed in range(3)], [100] * 3)
    cut = data[: int(share * len(data))]
    facts = read_facts(Source.from_bytes(cut))
    assert "data end before" in facts.damaged
    assert read_by_pieces(cut)[0] == facts
    assert not read_facts(Source.from_bytes(data + b"beyond its boxes")).damaged


def without_a_still(frames: list[Pixels]) -> bytes:
    return still_taken_from(animation("AVIF", frames, [100] * len(frames)))


def still_taken_from(data: bytes) -> bytes:
    at = data.index(b"meta")
    return data[:at] + b"free" + data[at + 4 :]


@pytest.mark.parametrize("bands", [3, 4])
def test_a_sequence_without_a_still_image_gives_its_first_frame(bands: int) -> None:
    frames = [smooth(48, 20, bands), 255 - smooth(48, 20, bands)]
    source = without_a_still(frames)
    tables = heif.read_tables(source)
    assert tables is None or not tables.primary
    assert np.array_equal(rgba(source), rgba(animation("AVIF", frames, [100, 100])))
    facts, _ = read_by_pieces(source)
    assert facts == read_facts(Source.from_bytes(source))


@pytest.mark.parametrize("turn", [b"", b"\0\0\0\x09irot\1"])
def test_a_sequence_has_the_colours_and_turns_that_its_track_tells(turn: bytes) -> None:
    still = coded(COLOURS.repeat(16, 0).repeat(16, 1), 12, 13)
    made = pixels_of(sequence_of(still, b"av01", turn))
    assert np.array_equal(made, np.rot90(pixels_of(still), len(turn) > 0))


def test_a_sequence_of_grey_with_limited_levels_is_stretched() -> None:
    still = GREY.read_bytes()
    assert np.array_equal(rgba(sequence_of(still, b"av01")), rgba(still))


@pytest.mark.parametrize("limited", [True, False])
def test_levels_of_the_bitstream_are_read(limited: bool) -> None:
    levels = "limited" if limited else "full"
    data = encoded(smooth(24, 10), "AVIF", range=levels)
    tables = heif.read_tables(data)
    assert tables is not None
    start, length = tables.places[tables.primary]
    assert heif.has_full_range(data[start : start + length]) is not limited
    assert heif.has_full_range(data[start : start + 3]) is None
    assert not any(heif.levels_of(data))


def with_limited_alpha(data: bytes) -> bytes:
    """Say in opacity's own bitstream that its levels are limited."""
    tables = heif.read_tables(data)
    assert tables is not None
    start, length = tables.places[tables.alpha[tables.primary]]
    item = data[start : start + length]
    for bit in range(16, 8 * 24):
        changed = bytearray(item)
        changed[bit // 8] ^= 0x80 >> bit % 8
        if heif.has_full_range(bytes(changed)) is False:
            made = data[:start] + bytes(changed) + data[start + length :]
            with suppress(RuntimeError):  # another bit, of which something else depends
                as_pillow_has_it(made)
                return made
    raise AssertionError("no bit says so")


def test_opacity_of_limited_levels_is_stretched() -> None:
    pixels = smooth(32, 16, 4)
    pixels[..., 3] = 16
    pixels[:, 16:, 3] = 235
    source = with_limited_alpha(encoded(pixels, "AVIF", quality=100))
    assert heif.levels_of(source).alpha
    alpha = rgba(source)[..., 3].astype(int)
    assert alpha[:, :12].max() <= 2
    assert alpha[:, 20:].min() >= 253


def coded(pixels: Pixels, primaries: int, transfer: int) -> bytes:
    data = bytearray(encoded(pixels, "AVIF", **SPARE))
    at = data.index(b"nclx")
    data[at + 4 : at + 8] = bytes([0, primaries, 0, transfer])
    return bytes(data)


@pytest.mark.parametrize(("primaries", "gamut"), [(12, "P3"), (9, "BT.2020")])
def test_code_points_of_a_wide_gamut_are_converted(primaries: int, gamut: str) -> None:
    wide = COLOURS.repeat(16, 0).repeat(16, 1)
    made = pixels_of(coded(wide, primaries, 13)).astype(int)
    wanted = in_srgb(decoded(make(encoded(wide, "AVIF", **SPARE)).data), gamut)
    assert np.abs(made - wanted).max() <= 3


def test_code_points_that_nobody_knows_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedFormat, match="code points 99/13"):
        read_facts(Source.from_bytes(coded(smooth(8, 8), 99, 13)))
