"""GIF as browsers show it: what no frame covers is clear, what is cleared too, data are whole."""

import struct

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from engine import Source, read_facts
from engine.errors import SourceCorrupt
from tests.engine.images import decoded, encoded, make, noise
from tests.engine.uploads import animation

RED, GREEN, BLUE, WHITE = range(4)
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
CLEAR = (0, 0, 0, 0)
KEEP, BACKGROUND, PREVIOUS = 1, 2, 3
SIDE = 4


def codes(pixels: list[int], bits: int, end: bool) -> bytes:
    """Write pixels as codes that never grow: the table is cleared in time."""
    written, count = 0, 0
    fit = (1 << bits) - 2
    stream = [
        code
        for at, pixel in enumerate(pixels)
        for code in ([1 << bits] * (at % fit == 0) + [pixel])
    ]
    for code in stream + [(1 << bits) + 1] * end:
        written |= code << count
        count += bits + 1
    return written.to_bytes((count + 7) // 8, "little")


def frame(
    colour: int,
    left: int = 0,
    top: int = 0,
    side: int = SIDE,
    *,
    disposal: int = 0,
    end: bool = True,
    pixels: int | None = None,
    bits: int = 2,
) -> bytes:
    """Write a square of one colour, or the first pixels of it."""
    data = codes([colour] * (side**2 if pixels is None else pixels), bits, end)
    control = b"!\xf9\x04" + bytes([disposal << 2, 10, 0, 0, 0])
    place = b"," + struct.pack("<4HB", left, top, side, side, 0) + bytes([bits])
    return control + place + bytes([len(data)]) + data + b"\0"


def gif(*frames: bytes, background: int = WHITE, trailer: bytes = b";", bits: int = 2) -> bytes:
    """Write frames on a canvas of 4 × 4."""
    table = COLOURS.astype(np.uint8).tobytes().ljust(3 << bits, b"\7")
    head = struct.pack("<2HBBB", SIDE, SIDE, 0x90 | (bits - 1), background, 0)
    return b"GIF89a" + head + table + b"".join(frames) + trailer


def shown(source: bytes) -> NDArray[np.int64]:
    """Return the frames as RGBA."""
    output = make(source, destination="o.webp", options={"lossless": True})
    assert not output.damaged
    facts = read_facts(Source.from_bytes(source))
    assert output.frames == facts.frames

    strip = pyvips.Image.webpload_buffer(output.data, n=-1)
    strip = strip if strip.hasalpha() else strip.addalpha()
    shape = (output.frames, output.height, output.width, 4)
    stills: NDArray[np.int64] = strip.numpy().reshape(shape).astype(int)
    return stills


def corner(still: NDArray[np.int64], at: int) -> tuple[int, ...]:
    return tuple(int(value) for value in still[at, at])


def rgba(colour: int) -> tuple[int, ...]:
    return (*(int(value) for value in COLOURS[colour]), 255)


@pytest.mark.parametrize("background", [RED, WHITE])
def test_what_the_first_frame_does_not_cover_is_clear(background: int) -> None:
    (still,) = shown(gif(frame(GREEN, side=2), background=background))
    assert corner(still, 0) == rgba(GREEN)
    assert corner(still, 3) == CLEAR
    whole = make(gif(frame(GREEN)), destination="o.png").data
    assert decoded(whole).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("bits", [2, 8])
@pytest.mark.parametrize("disposal", [BACKGROUND, PREVIOUS])
def test_what_is_cleared_is_clear(bits: int, disposal: int) -> None:
    first = frame(GREEN, disposal=disposal, bits=bits)
    stills = shown(gif(first, frame(BLUE, side=2, bits=bits), bits=bits))
    assert [corner(still, 0) for still in stills] == [rgba(GREEN), rgba(BLUE)]
    assert [corner(still, 3) for still in stills] == [rgba(GREEN), CLEAR]


def test_a_webp_of_opaque_frames_says_that_its_canvas_is_seen() -> None:
    """Viewers take the canvas of an animation without the alpha flag for black."""
    data = gif(frame(GREEN, side=2), frame(BLUE, side=2))
    webp = make(data, destination="o.webp", options={"lossless": True}).data
    assert webp.count(b"ALPH") == 0
    assert corner(decoded(webp).astype(np.int64), 3) == CLEAR
    whole = make(gif(frame(GREEN), frame(BLUE)), destination="o.webp").data
    assert decoded(whole).shape == (SIDE, SIDE, 3)


def test_what_is_cleared_takes_what_was_below_with_it() -> None:
    above = frame(BLUE, 1, 1, 2, disposal=BACKGROUND)
    stills = shown(gif(frame(GREEN, disposal=KEEP), above, frame(RED, side=1)))
    assert [corner(still, 1) for still in stills] == [rgba(GREEN), rgba(BLUE), CLEAR]
    assert [corner(still, 3) for still in stills] == [rgba(GREEN)] * 3


def test_what_is_restored_is_what_was_below() -> None:
    above = frame(BLUE, 1, 1, 2, disposal=PREVIOUS)
    stills = shown(gif(frame(GREEN, disposal=KEEP), above, frame(RED, side=1)))
    assert [corner(still, 1)[:3] for still in stills] == [(0, 255, 0), (0, 0, 255), (0, 255, 0)]


@pytest.mark.parametrize("trailer", [b"", b"\0", b"\0\0;", b"garbage"])
def test_a_file_without_a_trailer_is_whole(trailer: bytes) -> None:
    stills = shown(gif(frame(GREEN), frame(BLUE), trailer=trailer))
    assert [corner(still, 3)[:3] for still in stills] == [(0, 255, 0), (0, 0, 255)]


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_data_without_an_end_code_are_whole(bits: int) -> None:
    frames = [frame(colour, end=False, bits=bits) for colour in (GREEN, BLUE)]
    stills = shown(gif(*frames, bits=bits))
    assert [corner(still, 3)[:3] for still in stills] == [(0, 255, 0), (0, 0, 255)]


# How many bytes lack: of the last block the last one has nothing but the end code.
WHOLE_CUTS = {"no trailer": 1, "no empty block": 2, "no end code": 3}


@pytest.mark.parametrize("cut", WHOLE_CUTS)
def test_a_file_that_ends_behind_its_last_pixel_is_whole(cut: str) -> None:
    whole = encoded(noise(9, 11), "GIF")
    for source in (whole, gif(frame(GREEN), frame(BLUE))):
        made = make(source[: -WHOLE_CUTS[cut]], destination="o.gif")
        assert not made.damaged
        assert made.data == make(source, destination="o.gif").data


def test_a_trailer_in_place_of_the_empty_block_ends_the_file() -> None:
    whole = gif(frame(GREEN), frame(BLUE))
    made = make(whole[:-2] + b";", destination="o.gif")
    assert not made.damaged
    assert made.data == make(whole, destination="o.gif").data


def test_a_code_that_is_cut_off_is_no_pixel() -> None:
    """Whatever the missing bits are taken for, the last pixel would be made up."""
    whole = encoded(noise(9, 11), "GIF")
    for lost in (4, 5, 9):
        with pytest.raises(SourceCorrupt, match="ends before its last pixels"):
            make(whole[:-lost])
        assert make(whole[:-lost], damaged="accept").damaged


@pytest.mark.parametrize("place", ["control", "header", "data"])
def test_a_file_that_ends_within_a_later_frame_is_damaged(place: str) -> None:
    first = gif(frame(GREEN), trailer=b"")
    cut = first + frame(BLUE)[: {"control": 4, "header": 14, "data": 21}[place]]
    with pytest.raises(SourceCorrupt, match="ends before its last pixels"):
        make(cut)
    assert make(cut, damaged="accept").damaged


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("pixels", [1, 8])
def test_data_that_end_early_are_damage(end: bool, pixels: int) -> None:
    short = frame(BLUE, end=end, pixels=pixels)
    with pytest.raises(SourceCorrupt, match="data end before its last pixel"):
        make(gif(short))
    assert make(gif(short), damaged="accept").damaged
    moving = gif(frame(GREEN), short)
    assert not make(moving, destination="o.png").damaged
    with pytest.raises(SourceCorrupt):
        make(moving, destination="o.webp")
    mark = {"type": "watermark", "source": "m.gif"}
    with pytest.raises(SourceCorrupt, match=r"m\.gif: "):
        make(encoded(noise(9, 9)), mark, inputs={"m.gif": gif(short)})


def test_frames_that_are_not_whole_on_the_canvas_are_no_damage() -> None:
    outside = frame(BLUE, 3, 3), frame(RED, 9, 9), frame(RED, side=0)
    assert make(gif(frame(GREEN), *outside), destination="o.gif").frames >= 2


def test_a_usual_animation_is_as_it_was() -> None:
    stills = [noise(9, 7, seed=seed) for seed in range(3)]
    source = animation("GIF", stills, [50] * 3)
    assert make(source, destination="o.gif").frames == 3
    assert make(source, destination="o.png").data


@pytest.mark.parametrize("size", [(640, 480), (1024, 768), (2100, 9)])
@pytest.mark.parametrize("disposal", [KEEP, BACKGROUND])
def test_a_canvas_is_as_large_as_it_says(size: tuple[int, int], disposal: int) -> None:
    """To libnsgif these are sizes of screens, of which the first frame tells the used part."""
    data = bytearray(gif(frame(GREEN, 2, 1, disposal=disposal), frame(RED, 3, 3)))
    data[6:10] = struct.pack("<2H", *size)
    facts = read_facts(Source.from_bytes(bytes(data)))
    assert (facts.size, facts.frames, facts.delays) == (size, 2, (100, 100))
    first, second = shown(bytes(data))
    assert [corner(first, at) for at in (0, 2, 6)] == [CLEAR, rgba(GREEN), CLEAR]
    wanted = CLEAR if disposal == BACKGROUND else rgba(GREEN)
    assert [corner(second, at) for at in (2, 3, 6)] == [wanted, rgba(RED), rgba(RED)]
    still = decoded(make(bytes(data)).data)
    assert still.shape == (size[1], size[0], 4)
    assert tuple(still[2, 2]) == rgba(GREEN)


@pytest.mark.parametrize("bits", [3, 8])
def test_colours_beyond_the_table_are_black(bits: int) -> None:
    data = gif(frame(6, bits=bits), frame(RED, side=1, bits=bits), bits=2)
    first, second = shown(data)
    assert corner(first, 3) == corner(second, 3) == (0, 0, 0, 255)
    assert corner(second, 0) == rgba(RED)
    assert (decoded(make(data).data) == 0).all()


@pytest.mark.parametrize("behind", [gif(frame(RED)), b"junk", b"!\xfe\1x\0junk"])
def test_what_begins_no_block_ends_the_file(behind: bytes) -> None:
    """As browsers have it: a frame, no trailer, and another file."""
    whole = gif(frame(RED), frame(GREEN))
    made = make(whole[:-1] + behind, destination="o.gif")
    assert not made.damaged
    assert made.data == make(whole, destination="o.gif").data
