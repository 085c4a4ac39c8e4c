"""Annotations: position, shaping, rejected text, and pixels that stay as they are."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine import EngineLimits, InvalidRequest, Output, Source, render
from engine.errors import DarkroomError, LimitExceeded, MissingGlyph, UnknownFont
from engine.expand import expand
from engine.expand.text_layout import MAX_SIDE
from engine.fonts import TYPEFACES
from engine.ir import Overlay, TextLayer
from engine.schema import Gravity
from engine.schema.transforms import CONTROL
from engine.sources import Facts, SourceFormat
from engine.text import line_height, text_extents
from engine.vips import Ink
from engine.vips.glyphs import Font, ink_of
from tests.engine.images import Json, Pixels, decoded, encoded, job, pixels_of, where
from tests.engine.strategies import GRAVITIES

WHITE = np.full((60, 100, 3), 255, np.uint8)
WIDE = np.full((120, 500, 3), 255, np.uint8)
ARIAL = TYPEFACES.find("Arial")
NAMES = ["Arial", "Times Bold", "Courier Italic", "Noto Sans Arabic", "Noto Emoji"]


def annotation(text: str, **options: object) -> Json:
    return {"type": "annotation", "text": text, **options}


def written(text: str, base: Pixels = WHITE, **options: object) -> Pixels:
    return pixels_of(encoded(base), annotation(text, **options))


def letters(text: str, **options: object) -> TextLayer:
    """What the plan says of a text."""
    facts = Facts(format=SourceFormat.PNG, width=500, height=500)
    node = expand(job(annotation(text, **options)), facts).nodes[-1]
    assert isinstance(node, Overlay)
    assert isinstance(node.layer, TextLayer)
    return node.layer


def advance(text: str, size: float = 100, font: str = "Arial") -> float:
    face = TYPEFACES.find(font)
    return text_extents(text, TYPEFACES.faces_for(face, f"{text}|"), size).width


def failure(text: str, limits: EngineLimits | None = None, **options: object) -> DarkroomError:
    wanted = [job(annotation(text, **options)), job()]
    source = Source.from_bytes(encoded(WHITE))
    results = dict(render(source, wanted, limits=limits or EngineLimits()))
    assert isinstance(results[1], Output), "a job without the text is unharmed"
    error = results[0]
    assert isinstance(error, DarkroomError)
    assert error.message.startswith("transformations[0] (annotation): ")
    return error


def test_text_is_literal_and_black_by_default() -> None:
    made = written("a & <b>x</b>", size=14)
    assert made.min() == 0
    assert np.array_equal(made[..., 0], made[..., 1])
    assert not np.array_equal(made, written("a & x", size=14))
    assert not np.array_equal(written("&amp;", size=14), written("&", size=14))
    red = written("█ M", size=30, color="#ff000080")
    assert red[..., 0].min() == 255
    assert 126 <= red[..., 1].min() <= 128


def test_lines_stand_below_each_other_from_the_left() -> None:
    one = where(written("H", size=20, gravity="northwest"), WHITE)
    two = where(written("H\nHH", size=20, gravity="northwest"), WHITE)
    assert one[:2] == two[:2]
    assert two[3] - one[3] == line_height(ARIAL, 20) == 24
    assert two[2] > one[2]
    below = where(written("\nH", size=20, gravity="northwest"), WHITE)
    assert below[1] - one[1] == 24
    hebrew = where(written("HHHH\nש", size=20, gravity="northwest"), WHITE)
    assert hebrew[0] <= 2, "a line from right to left begins at the left of the box too"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\u2028", "\u2029"])
def test_every_end_of_a_line_is_one(end: str) -> None:
    assert np.array_equal(written(f"H{end}HH", size=20), written("H\nHH", size=20))


def test_many_lines_are_all_drawn() -> None:
    made = written("\n".join("H" * 25), size=10, gravity="north")
    rows = (made.min(axis=(1, 2)) < 128).astype(int)
    assert (np.diff(rows) == 1).sum() == 5


def test_text_without_ink_changes_nothing() -> None:
    for text in ("", "  \n ", "\t", "\u200b", "\u00a0", "\u202e", "\u200d\ufe0f"):
        assert np.array_equal(written(text), WHITE), repr(text)


def test_a_tab_goes_on_to_the_next_column() -> None:
    assert np.array_equal(written("a\tb", size=9), written("a       b", size=9))
    assert np.array_equal(written("1234567\tb", size=9), written("1234567 b", size=9))


def test_letters_written_in_parts_are_composed() -> None:
    composed = letters("\u00e9 \ud55c")
    assert letters("e\u0301 \u1112\u1161\u11ab") == composed


def test_hebrew_is_written_from_right_to_left() -> None:
    assert advance("שלום") > 100
    assert not np.array_equal(written("שלום", size=30), written("םולש", size=30))
    forced = written("\u202dםולש\u202c", size=30)
    assert np.array_equal(written("שלום", size=30), forced)


def test_arabic_is_joined() -> None:
    separate = written("\u0628\u200c\u0628\u200c\u0628", WIDE, size=60)
    joined = written("\u0628\u0628\u0628", WIDE, size=60)
    assert _blots(separate) > _blots(joined) >= 1
    assert advance("لا") < advance("ل\u200cا"), "lam and alef are one letter"


def _blots(made: Pixels) -> int:
    """In how many pieces there is ink, seen from above."""
    inked = (made.min(axis=(0, 2)) < 128).astype(int)
    return int((np.diff(inked) == 1).sum())


@pytest.mark.parametrize("text", ["e\u0301", "x\u0323\u0302", "שָ", "بَ", "कि", "ที่"])
def test_marks_stand_at_their_letter(text: str) -> None:
    bare = text[0]
    assert advance(text) <= 1.4 * advance(bare) + 60 * (bare == "क")  # that vowel has a width
    assert not np.array_equal(written(text, size=30), written(bare, size=30))


def test_a_flag_a_family_and_a_keycap_are_one_sign_each() -> None:
    for sign in ("👨‍👩‍👧", "🇩🇪", "1\ufe0f\u20e3", "👍🏽"):
        assert advance(sign) == advance("😀"), sign


def test_what_is_asked_for_as_an_emoji_comes_from_the_emoji_font() -> None:
    plain, emoji = "\u263a", "\u263a\ufe0f"
    assert not np.array_equal(written(plain, size=40), written(emoji, size=40))
    assert advance(emoji) == advance("😀") != advance(plain)


@pytest.mark.parametrize("stranger", ["國", "م", "ऋ", "เป็", "😀", "⇒", "한", "שלום"])
def test_no_font_that_lends_a_letter_moves_the_line(stranger: str) -> None:
    """Their ascents differ, and for some scripts Pango aligns other lines than the baseline."""
    alone = written("H", size=40, gravity="northwest")
    beside = written(f"H {stranger}", WIDE, size=40, gravity="northwest")
    width = int(advance("H", 40))
    assert np.array_equal(alone[:, :width], beside[:60, :width])
    below = letters(f"H\n{stranger}", size=40)
    assert below.height == 2 * line_height(ARIAL, 40)


@given(
    lines=st.lists(st.text("Hxg .,", max_size=12), min_size=1, max_size=4),
    size=st.sampled_from([1, 5, 12, 17.5, 40, 199, 200, 333]),
    font=st.sampled_from(["Arial", "Times Bold", "Courier Italic", "Noto Sans Thai"]),
)
def test_the_box_is_ascent_and_descent_times_the_lines(
    lines: list[str], size: float, font: str
) -> None:
    text = "\n".join([*lines, "H"])
    box = letters(text, size=size, font=font)
    line = line_height(TYPEFACES.find(font), size)
    assert box.height == max(1, int(line * (len(lines) + 1) + 0.5))
    widest = max(advance(line, size, font) for line in [*lines, "H"])
    assert box.width == max(1, int(widest + 0.5))


@given(
    gravity=GRAVITIES,
    across=st.integers(0, 20),
    down=st.integers(0, 20),
    text=st.sampled_from(["Hx", "H\nHxH", "שלום", "H م", "国"]),
)
def test_the_box_is_placed_by_gravity(gravity: str, across: int, down: int, text: str) -> None:
    """Within a pixel: the ink stands in the box as it does at the upper left."""
    box = letters(text, size=20)
    first = where(written(text, WIDE, size=20, gravity="northwest", xoffset=50, yoffset=20), WIDE)
    options = {"size": 20, "gravity": gravity, "xoffset": across, "yoffset": down}
    canvas = np.full((200, 580, 3), 255, np.uint8)
    made = where(pixels_of(encoded(canvas), annotation(text, **options)), canvas)
    place = Gravity(gravity).value
    left = across + (580 - box.width) // 2
    left = across if "west" in place else 580 - box.width - across if "east" in place else left
    top = down + (200 - box.height) // 2
    top = down if "north" in place else 200 - box.height - down if "south" in place else top
    expected = [
        first[0] - 50 + left,
        first[1] - 20 + top,
        first[2] - 50 + left,
        first[3] - 20 + top,
    ]
    seen = np.minimum(expected, [580, 200, 580, 200])  # Arabic reaches below Arial's box
    assert np.abs(seen - made).max() <= 1


ANYTHING = st.text(max_size=30)
LETTERS = st.text(
    "aÀ\u0301\u0327שلاऋ\u093fก\u0e34国한😀👨👩\u200d\ufe0f\u20e31🇩🇪\u202e\u2066\u2069 \t\n<&|",
    max_size=30,
)


@given(
    text=ANYTHING | LETTERS,
    font=st.sampled_from(NAMES),
    size=st.sampled_from([1e-9, 0.01, 0.3, 1, 9, 30, 250]),
)
def test_no_text_breaks_anything(text: str, font: str, size: float) -> None:
    assume(not CONTROL.search(text))
    wanted = job(annotation(text, font=font, size=size, gravity="northwest"))
    ((_, result),) = render(Source.from_bytes(encoded(WHITE)), [wanted])
    assert isinstance(result, Output | MissingGlyph | LimitExceeded), result


def test_a_character_that_no_font_has_fails_by_name() -> None:
    error = failure("a\U0001ffff")
    assert isinstance(error, MissingGlyph)
    assert error.code == "missing_glyph"
    assert error.message.endswith("no font here has U+1FFFF (no name)")
    several = failure("ᠠ᠀ᠡᠢᠣ")
    assert "U+1800 (MONGOLIAN BIRGA), " in several.message
    assert several.message.endswith(" and 2 more")


def test_an_unknown_font_fails_by_name() -> None:
    error = failure("x", font="Ariel")
    assert isinstance(error, UnknownFont)
    assert error.code == "unknown_font"
    assert error.message.endswith("unknown font 'Ariel'; did you mean 'Arial'?")
    assert failure("", font="Comic Sans").message.endswith("unknown font 'Comic Sans'")


LIMITS, FEW_PIXELS = EngineLimits(), EngineLimits(max_text_pixels=9**7)


@pytest.mark.parametrize(
    ("options", "limits", "found", "allowed"),
    [
        ({"text": "x" * 11}, EngineLimits(max_text_length=10), 11, 10),
        ({"size": 10.5}, EngineLimits(max_text_size=10), 10.5, 10),
        ({"text": "H", "size": 100}, EngineLimits(max_text_pixels=8135), 72 * 113, 8135),
        ({"text": "M" * 2000, "size": 50}, LIMITS, None, MAX_SIDE),
        ({"text": "x\n" * 999, "size": 100}, LIMITS, 113 * 1000, MAX_SIDE),
        ({"text": "M" * 2000, "size": 9999}, LIMITS, None, MAX_SIDE),
        ({"text": "ب" + "\u064e" * 1999, "size": 200}, LIMITS, None, MAX_SIDE),
        ({"text": "ก" + "\u0e48" * 99, "size": 999}, FEW_PIXELS, None, 9**7),
    ],
)  # fmt: skip
def test_text_is_limited(
    options: Json, limits: EngineLimits, found: float | None, allowed: int
) -> None:
    error = failure(**{"text": "x", **options}, limits=limits)
    assert isinstance(error, LimitExceeded)
    assert error.allowed == allowed < error.found
    assert found in {None, error.found}
    assert f"the limit is {allowed:,} ({error.limit})" in error.message


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({"text": "x" * 10}, EngineLimits(max_text_length=10)),
        ({"size": 10}, EngineLimits(max_text_size=10)),
        ({"text": "H", "size": 100}, EngineLimits(max_text_pixels=72 * 113)),
        ({"text": "M" * 1800, "size": 20}, LIMITS),
    ],
)
def test_text_may_reach_its_limits(options: Json, limits: EngineLimits) -> None:
    wanted = job(annotation(**{"text": "x", **options}))
    ((_, result),) = render(Source.from_bytes(encoded(WHITE)), [wanted], limits=limits)
    assert isinstance(result, Output)


@pytest.mark.parametrize("character", ["\0", "\x07", "\x7f", "\x85", "\ufdd0", "\uffff"])
def test_control_characters_are_refused(character: str) -> None:
    named = rf"text: expected text without control characters, got U\+{ord(character):04X}"
    with pytest.raises(InvalidRequest, match=named) as caught:
        job(annotation(f"a{character}b"))
    assert caught.value.path == "jobs[0].transformations[0].text"


def test_refused_text_was_not_drawn_large(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def watched(text: str, font: Font, size: float, **options: bool) -> Ink | None:
        ink = ink_of(text, font, size, **options)
        drawn.append(ink.image.width * ink.image.height if ink is not None else 0)
        return ink

    monkeypatch.setattr("engine.text.measure.ink_of", watched)
    failure("WWWW\nWW", size=9_999)
    assert 0 < max(drawn) < 300_000


def test_the_largest_letter_is_drawn() -> None:
    """Cairo and FreeType have sizes at which they fail; they lie above the largest setting."""
    limits = EngineLimits(max_text_size=16_000, max_text_pixels=10**9)
    wanted = job(annotation("I", size=16_000))
    ((_, result),) = render(Source.from_bytes(encoded(WHITE)), [wanted], limits=limits)
    assert isinstance(result, Output)
    assert decoded(result.data).min() == 0


@pytest.mark.parametrize("text", ["W\u0336o\u0336n\u0336", "Wo\u0301\u0336n\u0335"])
def test_strokes_lie_on_their_letters(text: str) -> None:
    """Not half a letter to the right, where fonts without anchors for them have them."""
    plain = text.translate({0x335: None, 0x336: None})
    struck, bare = (written(each, size=30) for each in (text, plain))
    left, _, right, _ = where(struck, WHITE)
    begun, _, ended, _ = where(bare, WHITE)
    assert abs(left - begun) <= 3
    assert abs(right - ended) <= 3
    assert struck.mean() < bare.mean() - 1
