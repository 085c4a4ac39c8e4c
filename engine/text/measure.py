"""Measures text: the advance of a line, the height of its ink, the height of lines.

Pango lays lines out, shapes and orders them. It gives libvips the position of the ink, but not
the advance of a line; that is measured between two bars, which have ink of their own. Pango
places glyphs and lines on whole pixels, so text is measured at its own size; in large text,
which is measured at a smaller size and scaled, the rounding does not matter any more.
"""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from engine.fonts import Face
from engine.vips import LONGEST_INK, Font, TooLargeToDraw, ink_of

MAX_MEASURED = 200  # pixels an em, above which sizes are scaled
MAX_TOTAL = 150_000  # pixels an em, summed over all characters: beyond, Pango's units overflow
ISOLATED = "\u2068{}\u2069"  # so that a line's direction does not depend on its neighbours

Faces = tuple[Face, ...]


class TextExtents(NamedTuple):
    """The advance of a line, and the most that its ink is high, in pixels."""

    width: float
    height: float


class InkRows(NamedTuple):
    """Where ink begins, and how high it is, in pixels."""

    top: int
    height: int


@lru_cache(maxsize=4096)
def text_extents(line: str, faces: Faces, size: float) -> TextExtents:
    """Measure a line; one that is too large to be drawn is given its least size."""
    drawn = min(size, MAX_MEASURED, MAX_TOTAL / (len(line) + 1))
    least = 0.0
    while (measured := _between_bars(line, faces, drawn, size / drawn)) is None:
        least = max(least, LONGEST_INK * size / drawn)
        drawn /= 8
    return TextExtents(max(measured.width, least), measured.height)


def _between_bars(line: str, faces: Faces, size: float, scale: float) -> TextExtents | None:
    try:
        whole = ink_of(f"|{ISOLATED.format(line)}|", font_of(faces), size)
    except TooLargeToDraw:
        return None
    assert whole is not None  # noqa: S101 - a bar has ink
    return TextExtents((whole.image.width - _bars(faces, size)) * scale, whole.image.height * scale)


@lru_cache(maxsize=256)
def _bars(faces: Faces, size: float) -> int:
    """Return the width of two bars with nothing between."""
    bars = ink_of("||", font_of(faces), size)
    assert bars is not None  # noqa: S101 - a bar has ink
    return int(bars.image.width)


@lru_cache(maxsize=256)
def line_height(face: Face, size: float) -> float:
    """Return the distance between two lines, ascent and descent together, in pixels."""
    drawn = min(size, MAX_MEASURED)
    two = ink_of(f"{_sample_character(face)}\n{_sample_character(face)}", font_of((face,)), drawn)
    assert two is not None  # noqa: S101 - the sample has ink
    return float((two.image.height - _sample_ink(face, drawn).height) * size / drawn)


@lru_cache(maxsize=256)
def strut_offset(face: Face, size: float) -> int:
    """Return how far a strut lowers the baseline, in pixels."""
    strutted = ink_of(_sample_character(face), font_of((face,)), size, strut=True)
    assert strutted is not None  # noqa: S101 - the sample has ink
    return strutted.top - _sample_ink(face, size).top


@lru_cache(maxsize=256)
def _sample_ink(face: Face, size: float) -> InkRows:
    ink = ink_of(_sample_character(face), font_of((face,)), size)
    assert ink is not None  # noqa: S101 - the sample has ink
    return InkRows(ink.top, ink.image.height)


def _sample_character(face: Face) -> str:
    """Return a character of a face that has ink: a bar, or the first one."""
    if ord("|") in face.characters:
        return "|"
    characters = map(chr, sorted(face.characters))
    return next(each for each in characters if unicodedata.category(each)[0] in "LNPS")


def font_of(faces: Faces) -> Font:
    """Return the font that libvips draws with: the first face, and its fallback fonts."""
    return Font(
        tuple(face.family for face in faces),
        faces[0].style.value,
        tuple(face.path for face in faces),
    )
