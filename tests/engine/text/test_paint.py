"""Text with a box, a stroke, opacity and rotation, against independent models."""

from itertools import groupby
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from engine import EngineLimits, render
from engine.errors import LimitExceeded
from engine.sources import Source
from engine.text.stroke import stroked
from engine.vips import Ink
from tests.engine.images import Json, Pixels, encoded, job, pixels_of, where

WHITE = np.full((150, 240, 3), 255, np.uint8)
CLEAR = np.zeros((150, 240, 4), np.uint8)
RED, GREEN, BLUE, BARE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
PURE = {RED, GREEN, BLUE, BARE}


def written(text: str, base: Pixels = WHITE, **options: Any) -> Pixels:
    return pixels_of(encoded(base), {"type": "annotation", "text": text, "size": 30, **options})


def test_a_box_lies_under_the_text_with_its_padding() -> None:
    plain = written("Hxg")
    bare = written("Hxg", background="#0000ff")
    boxed = written("Hxg", background="#0000ff", padding="10%")
    inner, (left, top, right, bottom) = where(bare, WHITE), where(boxed, WHITE)
    assert (left, top, right, bottom) == (
        inner[0] - 15, inner[1] - 15, inner[2] + 15, inner[3] + 15,
    )  # fmt: skip
    assert (boxed[top : top + 15, left:right] == BLUE).all()
    expected = plain / 255 * np.array(BLUE)
    inside = np.zeros(WHITE.shape[:2], bool)
    inside[top:bottom, left:right] = True
    assert np.abs(boxed - expected)[inside].max() <= 1
    assert (boxed[~inside] == 255).all()


def test_box_stroke_and_letters_lie_in_this_order() -> None:
    look: Json = {"background": "#0000ff", "stroke_color": "#ff0000", "stroke_width": 4}
    look["padding"] = 9
    row = written("█", color="#00ff00", **look)[75]
    pure = [colour for colour in map(tuple, row.tolist()) if colour in PURE]
    assert [key for key, _ in groupby(pure)] == [BARE, BLUE, RED, GREEN, RED, BLUE, BARE]
    through = written("█", color="#00ff0080", **look)
    assert tuple(through[75, 120]) == (127, 128, 0), "the stroke is under all of a letter"


@pytest.mark.parametrize("width", [0.5, 1, 2.5, 7, 20])
def test_a_stroke_is_round_and_so_wide_on_all_sides(width: float) -> None:
    """Of a rectangle it is a larger one with round corners, by its signed distance."""
    block = np.full((9, 14), 255, np.uint8)
    made = stroked(Ink(pyvips.Image.new_from_array(block), 3, 5), width)
    reach = int(np.ceil(width))
    assert (made.left, made.top) == (3 - reach, 5 - reach)
    pixels = made.image.numpy().astype(float)
    assert pixels.shape == (9 + 2 * reach, 14 + 2 * reach)
    down, across = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]] + 0.5 - reach
    beyond_x = np.maximum(0, np.maximum(-across, across - 14))
    beyond_y = np.maximum(0, np.maximum(-down, down - 9))
    expected = np.clip(width - np.hypot(beyond_x, beyond_y) + 0.5, 0, 1) * 255
    straight = (beyond_x == 0) | (beyond_y == 0)
    assert np.abs(pixels - expected)[straight].max() <= 0.5
    assert np.abs(pixels - expected).max() <= 64
    assert abs(pixels.sum() / expected.sum() - 1) < 0.03


def test_opacity_is_of_the_whole() -> None:
    look: Json = {
        "background": "#0000ff",
        "stroke_color": "#ff0000",
        "stroke_width": 2,
        "padding": 3,
    }
    whole, half = (written("Hx", CLEAR, opacity=opacity, **look) for opacity in (10, 5))
    assert np.abs(half[..., 3] - whole[..., 3] * 0.5).max() <= 0.5
    seen = half[..., 3] > 0
    assert np.array_equal(half[seen][:, :3], whole[seen][:, :3])
    assert np.array_equal(written("Hx", opacity=0, **look), WHITE)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 3), (180, 2), (270, 1)])
def test_quarter_turns_move_pixels(degrees: int, turns: int) -> None:
    square = np.zeros((150, 150, 4), np.uint8)
    look: Json = {"background": "#0000ff88", "padding": 3}
    plain = written("Hxg ag", square, **look)
    turned = written("Hxg ag", square, degrees=degrees, **look)
    expected = np.rot90(plain, turns)
    box, moved = where(expected, square), where(turned, square)
    assert np.abs(np.subtract(box, moved)).max() <= 1, "an odd room is rounded down either way"
    one, other = (p[b[1] : b[3], b[0] : b[2]] for p, b in ((expected, box), (turned, moved)))
    assert np.array_equal(one, other)
    assert np.array_equal(written("Hx", degrees=360), written("Hx"))


def test_a_rotation_is_about_the_middle_of_the_box() -> None:
    look: Json = {
        "background": "#0000ff",
        "padding": 6,
        "color": "#ffffff",
        "stroke_color": "#ff0000",
    }
    look["stroke_width"] = 9  # reaches out of the box
    plain = written("Hxg", CLEAR, **look)
    made = written("Hxg", CLEAR, degrees=33.5, **look)
    image = Image.fromarray(plain)
    turned = np.asarray(image.rotate(-33.5, Image.Resampling.BICUBIC, center=(120, 75)))
    shifts = [np.roll(turned, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    near = min(np.abs(made[..., 3] - shift[..., 3].astype(float)).mean() for shift in shifts)
    assert near < 2
    left, top, right, bottom = where(made, CLEAR)
    assert abs((left + right) / 2 - 120) <= 1
    assert abs((top + bottom) / 2 - 75) <= 1


@pytest.mark.parametrize(("align", "share"), [("left", 0), ("center", 0.5), ("right", 1)])
def test_lines_stand_where_they_are_aligned(align: str, share: float) -> None:
    made = written("HHHHHHH\nH", width=200, align=align)
    ink = made.min(2) < 128
    for rows in (slice(0, 75), slice(75, 150)):
        columns = np.nonzero(ink[rows].any(0))[0]
        wide = columns[-1] + 1 - columns[0]
        assert abs(columns[0] - (20 + share * (200 - wide))) <= 5  # a letter's own margins


def test_lines_are_further_apart_with_room_above_and_below() -> None:
    tall = written("H\nH", background="#0000ff", line_spacing=2)
    _, top, _, bottom = where(tall, WHITE)
    plain = written("H\nH", background="#0000ff")
    _, first, _, last = where(plain, WHITE)
    assert bottom - top == 2 * (last - first)
    ink = np.nonzero((tall.max(2) < 128).any(1))[0]
    apart = ink[np.diff(ink, prepend=-9) > 1]
    assert abs((apart[1] - apart[0]) - (last - first)) <= 1


def test_what_is_drawn_with_its_box_is_limited() -> None:
    source = Source.from_bytes(encoded(WHITE))
    steps = [
        {"type": "annotation", "text": "x", "background": "#000", "padding": 40},
        {"type": "annotation", "text": "x", "background": "#000", "width": 200},
    ]
    results = render(
        source, [job(step) for step in steps], limits=EngineLimits(max_text_pixels=2000)
    )
    assert [type(result) for _, result in results] == [LimitExceeded, LimitExceeded]
