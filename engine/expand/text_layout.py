"""Lays out the text of an annotation: finds fonts, checks limits, measures lines."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from engine.errors import LimitExceeded, MissingGlyph, UnknownFont
from engine.expand.builder import PlanBuilder
from engine.fonts import TYPEFACES
from engine.geometry import rnd
from engine.ir import TextLayer
from engine.schema import Annotation
from engine.text import line_height, text_extents

LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")
TAB = 8  # columns between tab stops
MAX_SIDE = 32_000  # pixels that are drawn at once; libvips' text ends at 32,767
BAR = "|"  # what text is measured between


def text_layer_of(options: Annotation, builder: PlanBuilder) -> TextLayer:
    """Give the layer of an annotation; its box is as wide as the longest line.

    Raises UnknownFont, MissingGlyph, and LimitExceeded before anything is drawn.
    """
    _check(builder, "max_text_length", len(options.text), "characters")
    size = float(options.size)
    _check(builder, "max_text_size", size, "pixels an em")
    lines = _lines(options.text)
    with _prefixing_errors(builder):
        face = TYPEFACES.find(options.font)
        faces = TYPEFACES.faces_for(face, "".join([BAR, *lines]))
    extents = [text_extents(line, faces, size) for line in lines]
    width, between = max(line.width for line in extents), line_height(face, size)
    height = between * len(lines)
    _check_side(builder, max(width, height, *(line.height for line in extents)))
    area = sum(line.width * max(line.height, between) for line in extents)
    _check(builder, "max_text_pixels", ceil(max(area, width * height)), "pixels")
    red, green, blue, alpha = options.color
    return TextLayer(
        lines,
        tuple(face.name for face in faces),
        size,
        (red, green, blue, alpha),
        max(1, rnd(width)),
        max(1, rnd(height)),
    )


def _lines(text: str) -> tuple[str, ...]:
    """Compose characters, since fonts have composed ones, and expand tabs."""
    composed = unicodedata.normalize("NFC", text)
    return tuple(line.expandtabs(TAB) for line in LINE_END.split(composed))


@contextmanager
def _prefixing_errors(builder: PlanBuilder) -> Iterator[None]:
    try:
        yield
    except (UnknownFont, MissingGlyph) as error:
        error.args = (f"{builder.where}: {error.message}",)
        raise


def _check(builder: PlanBuilder, limit: str, found: float, unit: str) -> None:
    allowed = getattr(builder.limits, limit)
    if found > allowed:
        raise LimitExceeded(f"{builder.where}: the text is too large", limit, allowed, found, unit)


def _check_side(builder: PlanBuilder, found: float) -> None:
    if found > MAX_SIDE:
        what = f"{builder.where}: the text is too large"
        raise LimitExceeded(what, "of text itself", MAX_SIDE, ceil(found), "pixels a side")
