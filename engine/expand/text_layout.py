"""From the words of an annotation to letters: fonts found, limits checked, text measured."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from engine.errors import LimitExceeded, MissingGlyph, UnknownFont
from engine.expand.builder import Draft
from engine.fonts import TYPEFACES
from engine.geometry import rnd
from engine.ir import Letters
from engine.schema import Annotation
from engine.text import extent, pitch

LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")
TAB = 8  # a tab goes on to a column that is a multiple of this
LONGEST_SIDE = 32_000  # of what is drawn at once; libvips' text ends at 32,767 pixels
BARS = "|"  # what text is measured with


def letters_of(words: Annotation, draft: Draft) -> Letters:
    """Set the text of an annotation; its box is as wide as the longest line.

    Raises UnknownFont, MissingGlyph, and LimitExceeded before anything is drawn.
    """
    _check(draft, "max_text_length", len(words.text), "characters")
    size = float(words.size)
    _check(draft, "max_text_size", size, "pixels an em")
    lines = _lines(words.text)
    with _told_where(draft):
        face = TYPEFACES.find(words.font)
        faces = TYPEFACES.faces_for(face, "".join([BARS, *lines]))
    extents = [extent(line, faces, size) for line in lines]
    width, between = max(line.width for line in extents), pitch(face, size)
    height = between * len(lines)
    _check_side(draft, max(width, height, *(line.height for line in extents)))
    area = sum(line.width * max(line.height, between) for line in extents)
    _check(draft, "max_text_pixels", ceil(max(area, width * height)), "pixels")
    red, green, blue, alpha = words.color
    return Letters(
        lines,
        tuple(face.name for face in faces),
        size,
        (red, green, blue, alpha),
        max(1, rnd(width)),
        max(1, rnd(height)),
    )


def _lines(text: str) -> tuple[str, ...]:
    """Compose the characters, so that fonts have them, and set tabs."""
    composed = unicodedata.normalize("NFC", text)
    return tuple(line.expandtabs(TAB) for line in LINE_END.split(composed))


@contextmanager
def _told_where(draft: Draft) -> Iterator[None]:
    try:
        yield
    except (UnknownFont, MissingGlyph) as error:
        error.args = (f"{draft.where}: {error.message}",)
        raise


def _check(draft: Draft, limit: str, found: float, unit: str) -> None:
    allowed = getattr(draft.limits, limit)
    if found > allowed:
        raise LimitExceeded(f"{draft.where}: the text is too large", limit, allowed, found, unit)


def _check_side(draft: Draft, found: float) -> None:
    if found > LONGEST_SIDE:
        what = f"{draft.where}: the text is too large"
        raise LimitExceeded(what, "of text itself", LONGEST_SIDE, ceil(found), "pixels a side")
