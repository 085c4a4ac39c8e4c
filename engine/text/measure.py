"""Text as pixels: how large a line is, and its ink.

Pango lays lines out, shapes and orders them. It tells libvips where the ink lies, but not
how far a line advances; that is measured between two bars, which have ink of their own.
Pango sets glyphs and lines on whole pixels, so sizes are measured at the very size of the
text; what that rounds away does not matter any more in large text, which is scaled.
"""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from engine.fonts import Face
from engine.vips import LONGEST_INK, Font, TooLargeToDraw, ink_of

LARGE = 200  # pixels an em, above which sizes are scaled
PLENTY = 150_000  # pixels an em, all characters together: beyond, Pango's units overflow
ISOLATED = "\u2068{}\u2069"  # so that a line's direction is its own, whatever stands beside it

Faces = tuple[Face, ...]


class Extent(NamedTuple):
    """How far a line advances, and how high its ink may be, in pixels."""

    width: float
    height: float


class Reach(NamedTuple):
    """Where ink begins, and how high it is, in pixels."""

    top: int
    height: int


@lru_cache(maxsize=4096)
def extent(line: str, faces: Faces, size: float) -> Extent:
    """Measure a line; of one that is too large to be drawn, how large it is at least."""
    drawn = min(size, LARGE, PLENTY / (len(line) + 1))
    least = 0.0
    while (measured := _between_bars(line, faces, drawn, size / drawn)) is None:
        least = max(least, LONGEST_INK * size / drawn)
        drawn /= 8
    return Extent(max(measured.width, least), measured.height)


def _between_bars(line: str, faces: Faces, size: float, scale: float) -> Extent | None:
    try:
        whole = ink_of(f"|{ISOLATED.format(line)}|", font_of(faces), size)
    except TooLargeToDraw:
        return None
    assert whole is not None  # noqa: S101 - a bar has ink
    return Extent((whole.image.width - _bars(faces, size)) * scale, whole.image.height * scale)


@lru_cache(maxsize=256)
def _bars(faces: Faces, size: float) -> int:
    """Give the width of two bars with nothing between."""
    bars = ink_of("||", font_of(faces), size)
    assert bars is not None  # noqa: S101 - a bar has ink
    return int(bars.image.width)


@lru_cache(maxsize=256)
def pitch(face: Face, size: float) -> float:
    """Give the distance between two lines, ascent and descent together, in pixels."""
    drawn = min(size, LARGE)
    two = ink_of(f"{_sign(face)}\n{_sign(face)}", font_of((face,)), drawn)
    assert two is not None  # noqa: S101 - the sign has ink
    return float((two.image.height - _sign_drawn(face, drawn).height) * size / drawn)


@lru_cache(maxsize=256)
def raised_by_strut(face: Face, size: float) -> int:
    """Give how much a strut lowers the baseline, in pixels."""
    strutted = ink_of(_sign(face), font_of((face,)), size, strut=True)
    assert strutted is not None  # noqa: S101 - the sign has ink
    return strutted.top - _sign_drawn(face, size).top


@lru_cache(maxsize=256)
def _sign_drawn(face: Face, size: float) -> Reach:
    ink = ink_of(_sign(face), font_of((face,)), size)
    assert ink is not None  # noqa: S101 - the sign has ink
    return Reach(ink.top, ink.image.height)


def _sign(face: Face) -> str:
    """Give a character of a face that has ink: a bar, or what comes first."""
    if ord("|") in face.characters:
        return "|"
    signs = map(chr, sorted(face.characters))
    return next(sign for sign in signs if unicodedata.category(sign)[0] in "LNPS")


def font_of(faces: Faces) -> Font:
    """Give the font that libvips draws with: the first face, and its fallbacks."""
    return Font(
        tuple(face.family for face in faces),
        faces[0].style.value,
        tuple(face.path for face in faces),
    )
