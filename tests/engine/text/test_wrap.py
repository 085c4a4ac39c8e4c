"""Lines that are wrapped: where they may be broken, and that they fit."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidRequest, LimitExceeded
from engine.expand import expand
from engine.fonts import TYPEFACES, clusters
from engine.geometry import rnd
from engine.ir import Overlay, TextLayer
from engine.sources import Facts, SourceFormat
from engine.text import line_height, text_extents, wrapped
from engine.text.wrap import SPACES, break_opportunities
from tests.engine.images import job

ARIAL = TYPEFACES.find("Arial")
FACTS = Facts(format=SourceFormat.PNG, width=400, height=300)
WORDS = st.sampled_from(
    ["a", "word", "Hamburgefonstiv", "well-known", "é̂x", "漢字、", "👨‍👩‍👧", "שלום", "–"]
)
MARKS = "\u200e\u200f"


def layer(text: str, **options: Any) -> TextLayer:
    step = {"type": "annotation", "text": text, "size": 20, **options}
    node = expand(job(step), FACTS).nodes[-1]
    assert isinstance(node, Overlay)
    assert isinstance(node.layer, TextLayer)
    return node.layer


def width_of(line: str, size: float = 20) -> float:
    return text_extents(line, TYPEFACES.faces_for(ARIAL, f"{line}|"), size).width


@given(
    text=st.lists(WORDS, max_size=25).map(" ".join),
    width=st.integers(1, 400),
    spacing=st.sampled_from([0.5, 1, 1.7]),
)
def test_lines_fit_and_hold_the_text(text: str, width: int, spacing: float) -> None:
    made = layer(f"H {text}", width=width, line_spacing=spacing)
    face = TYPEFACES.find("Arial")
    faces = TYPEFACES.faces_for(face, f"{text}H|")
    assert made.width == width
    assert made.height == max(1, rnd(line_height(ARIAL, 20) * spacing * len(made.lines)))
    bare = [line.strip(MARKS) for line in made.lines]
    assert re.sub(f"[{SPACES}]", "", "".join(bare)) == f"H{text}".replace(" ", "")
    for line in bare:
        assert line or not text
        too_wide = text_extents(line, faces, 20).width > width
        assert not too_wide or len(clusters(line, faces[-1])) == 1, line


def test_no_line_could_have_taken_the_next_word() -> None:
    text = "The quick brown fox jumps over the lazy dog and packs my box with liquor jugs " * 3
    for width in (90, 150, 333):
        lines = wrapped(text, (ARIAL,), 20, width)
        assert " ".join(lines) == text.rstrip()
        for line, following in pairwise(lines):
            assert width_of(f"{line} {following.split()[0]}") > width >= width_of(line)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("one  two", ["one  ", "two"]),
        ("  a b ", ["  a ", "b "]),
        ("no\u00a0break here", ["no\u00a0break ", "here"]),
        ("well-known, -5 and 3-4", ["well-", "known, ", "-5 ", "and ", "3-4"]),
        ("1914–18 or so—yes", ["1914–18 ", "or ", "so—", "yes"]),
        ("漢字、「かな」が", ["漢", "字、", "「か", "な」", "が"]),
        ("キャッチー", ["キャッ", "チー"]),
        ("서울시 abc", ["서", "울", "시 ", "abc"]),
        ("x漢y", ["x", "漢", "y"]),
        ("👍🏽👨‍👩‍👧🇩🇪🇫🇷!", ["👍🏽", "👨‍👩‍👧", "🇩🇪", "🇫🇷!"]),
        ("a\u200bb", ["a\u200b", "b"]),
        ("ภาษาไทย", ["ภาษาไทย"]),
        ("(漢) “漢”", ["(漢) ", "“漢”"]),
    ],
)
def test_where_a_line_may_be_broken(text: str, parts: list[str]) -> None:
    ends = break_opportunities(text)
    assert [text[a:b] for a, b in zip([0, *ends], ends, strict=False)] == parts


@pytest.mark.parametrize(
    ("word", "font", "parts"),
    [
        ("e\u0301e\u0301", "Arial", ["e\u0301", "e\u0301"]),
        ("ที่นี่", "Noto Sans Thai", ["ที่", "นี่"]),
        ("क्षत्रिय", "Noto Sans Devanagari", ["क्ष", "त्रि", "य"]),
        ("👨‍👩‍👧🇩🇪", "Noto Emoji", ["👨‍👩‍👧", "🇩🇪"]),
    ],
)
def test_a_word_that_is_too_long_is_broken_between_clusters(
    word: str, font: str, parts: list[str]
) -> None:
    face = TYPEFACES.find(font)
    assert clusters(word, face) == parts
    assert list(wrapped(word, TYPEFACES.faces_for(ARIAL, f"{word}|"), 30, 1)) == parts


def test_a_line_keeps_the_direction_of_its_paragraph() -> None:
    made = layer("שלום עולם darkroom 2026", width=100)
    assert all(line[0] in "\u200fשע" for line in made.lines)
    assert "\u200fdarkroom" in [line.split()[0] for line in made.lines]
    assert all(line[0] != "\u200f" for line in layer("שלום עולם", width=70).lines)


def test_a_width_is_of_the_image_and_no_more_than_is_drawn() -> None:
    assert layer("x", width="50%").width == 200
    assert layer("x", width="50h").width == 150
    with pytest.raises(LimitExceeded, match="the limit is 32,000"):
        layer("x", width=40_000)


@pytest.mark.parametrize(
    ("options", "path", "words"),
    [
        ({"width": 0}, "width", "above 0"),
        ({"align": "justify"}, "align", "center"),
        ({"line_spacing": 0}, "line_spacing", "from 0.1 to 10"),
        ({"padding": 3}, "padding", "'background'"),
        ({"stroke_width": 3}, "stroke_width", "'stroke_color'"),
        ({"stroke_color": "#000"}, "stroke_color", "'stroke_width'"),
        ({"stroke_width": 51, "stroke_color": "#000"}, "stroke_width", "from 0 to 50"),
        ({"background": "red"}, "background", "hexadecimal"),
        ({"degrees": 1.234}, "degrees", "2 decimals"),
        ({"opacity": -1}, "opacity", "from 0 to 10"),
    ],
)
def test_what_is_wrong_with_a_text_is_reported_by_its_path(
    options: dict[str, Any], path: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        layer("x", **options)
    assert caught.value.path == f"jobs[0].transformations[0].{path}"
