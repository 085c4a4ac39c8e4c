"""Text as pixels: how large a line is, and its ink.

Pango lays lines out, shapes and orders them. It tells libvips where the ink lies, but not
how far a line advances; that is measured between two bars, which have ink of their own.
Pango sets glyphs and lines on whole pixels, so sizes are measured at the very size of the
text; what that rounds away does not matter any more in large text, which is scaled.
"""

from functools import lru_cache, reduce
from typing import NamedTuple

from engine.geometry import rnd
from engine.nodes import Letters
from engine.vips import Image, Ink, ink_of

LARGE = 200  # pixels an em, above which sizes are scaled


@lru_cache(maxsize=4096)
def advance(line: str, family: str, size: float) -> float:
    """Give how far a line advances, in pixels."""
    return _scaled(f"|{line}|", family, size).width - _scaled("||", family, size).width


@lru_cache(maxsize=256)
def pitch(family: str, size: float) -> float:
    """Give the distance between two lines, ascent and descent together, in pixels."""
    return _scaled("|\n|", family, size).height - _scaled("|", family, size).height


class _Extent(NamedTuple):
    width: float
    height: float


def _scaled(text: str, family: str, size: float) -> _Extent:
    """Measure ink, at the size itself or as much larger as that is."""
    drawn = min(size, LARGE)
    ink = ink_of(text, family, drawn)
    assert ink is not None  # noqa: S101 - a bar has ink
    return _Extent(ink.image.width * size / drawn, ink.image.height * size / drawn)


def draw(letters: Letters) -> Ink | None:
    """Draw letters in memory; None if they have no ink."""
    between = letters.height / len(letters.lines)
    inks = []
    for index, line in enumerate(letters.lines):
        ink = ink_of(line, letters.font, letters.size)
        if ink is not None:
            inks.append(ink._replace(top=ink.top + rnd(index * between)))
    return _together(inks) if inks else None


def _together(inks: list[Ink]) -> Ink:
    left, top = min(ink.left for ink in inks), min(ink.top for ink in inks)
    right = max(ink.left + ink.image.width for ink in inks)
    bottom = max(ink.top + ink.image.height for ink in inks)
    width, height = right - left, bottom - top

    def spread(ink: Ink) -> Image:
        return ink.image.embed(ink.left - left, ink.top - top, width, height)

    return Ink(reduce(Image.maxpair, map(spread, inks)).copy_memory(), left, top)
