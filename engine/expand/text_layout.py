"""Lays out the text of an annotation: finds fonts, checks limits, wraps and measures lines."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import ceil

from msgspec import UNSET, UnsetType

from engine.errors import LimitExceeded, MissingGlyph, UnknownFont
from engine.expand.builder import PlanBuilder
from engine.expand.placement import resolve, resolve_gap, share_of
from engine.fonts import TYPEFACES
from engine.geometry import Size, rnd
from engine.ir import CLEAR, RGBA, TextLayer
from engine.schema import Align, Annotation, Colour
from engine.text import TextExtents, line_height, text_extents, wrapped

LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")
TAB = 8  # columns between tab stops
MAX_SIDE = 32_000  # pixels that are drawn at once; libvips' text ends at 32,767
BAR = "|"  # what text is measured between
ROOM_BEFORE = {Align.LEFT: Fraction(0), Align.CENTER: Fraction(1, 2), Align.RIGHT: Fraction(1)}


def text_layer_of(options: Annotation, builder: PlanBuilder) -> TextLayer:
    """Return the layer of an annotation.

    Its box is as wide as was asked for, or else as the longest line. Raises UnknownFont,
    MissingGlyph, and LimitExceeded before anything is drawn.
    """
    _check(builder, "max_text_length", len(options.text), "characters")
    size = float(options.size)
    _check(builder, "max_text_size", size, "pixels an em")
    lines = _lines(options.text)
    with _prefixing_errors(builder):
        face = TYPEFACES.find(options.font)
        faces = TYPEFACES.faces_for(face, "".join([BAR, *lines]))
    asked = _asked_width(options, builder)
    if asked is not None:
        lines = tuple(part for line in lines for part in wrapped(line, faces, size, asked))
    extents = [text_extents(line, faces, size) for line in lines]
    natural = line_height(face, size)
    between = natural * float(options.line_spacing)
    widest, height = max(line.width for line in extents), between * len(lines)
    _check_box(builder, extents, widest, height, natural)
    width = max(1, rnd(widest)) if asked is None else asked
    layer = TextLayer(
        lines=lines,
        fonts=tuple(face.name for face in faces),
        size=size,
        colour=_rgba(options.color),
        width=width,
        height=max(1, rnd(height)),
        lefts=_lefts(options.align, width, extents),
        leading=rnd((between - natural) / 2),
        ground=_rgba(options.background),
        padding=0 if options.padding is UNSET else resolve_gap(options.padding, builder.size),
        stroke=_rgba(options.stroke_color),
        stroke_width=0 if options.stroke_width is UNSET else float(options.stroke_width),
        degrees=float(options.degrees) % 360,
        opacity=float(share_of(options.opacity) / 10),
    )
    _check_drawn(builder, layer)
    return layer


def _lines(text: str) -> tuple[str, ...]:
    """Compose characters, since fonts have composed ones, and expand tabs."""
    composed = unicodedata.normalize("NFC", text)
    return tuple(line.expandtabs(TAB) for line in LINE_END.split(composed))


def _asked_width(options: Annotation, builder: PlanBuilder) -> int | None:
    if options.width is UNSET:
        return None
    asked = max(1, rnd(resolve(options.width, *builder.size)))
    _check_side(builder, asked)
    return asked


def _lefts(align: Align, width: int, extents: list[TextExtents]) -> tuple[int, ...]:
    """Return where lines begin in the box; one that is wider than that begins at its left."""
    if align is Align.LEFT:
        return ()
    share = ROOM_BEFORE[align]
    return tuple(max(0, rnd((width - Fraction(line.width)) * share)) for line in extents)


def _rgba(colour: Colour | UnsetType) -> RGBA:
    if colour is UNSET:
        return CLEAR
    red, green, blue, alpha = colour
    return red, green, blue, alpha


@contextmanager
def _prefixing_errors(builder: PlanBuilder) -> Iterator[None]:
    try:
        yield
    except (UnknownFont, MissingGlyph) as error:
        error.args = (f"{builder.where}: {error.message}",)
        raise


def _check_box(
    builder: PlanBuilder,
    extents: list[TextExtents],
    widest: float,
    height: float,
    natural: float,
) -> None:
    """Check the lines by themselves, whose ink may be higher than a line, and all together."""
    _check_side(builder, max(widest, height, *(line.height for line in extents)))
    area = sum(line.width * max(line.height, natural) for line in extents)
    _check(builder, "max_text_pixels", ceil(max(area, widest * height)), "pixels")


def _check_drawn(builder: PlanBuilder, layer: TextLayer) -> None:
    """Check what is drawn with the box, the stroke and the rotation."""
    bare = Size(layer.width, layer.height)
    if layer.drawn != bare or layer.ground != CLEAR:
        _check_side(builder, max(layer.drawn))
        _check(builder, "max_text_pixels", layer.drawn.pixels, "pixels")


def _check(builder: PlanBuilder, limit: str, found: float, unit: str) -> None:
    allowed = getattr(builder.limits, limit)
    if found > allowed:
        raise LimitExceeded(f"{builder.where}: the text is too large", limit, allowed, found, unit)


def _check_side(builder: PlanBuilder, found: float) -> None:
    if found > MAX_SIDE:
        what = f"{builder.where}: the text is too large"
        raise LimitExceeded(what, "of text itself", MAX_SIDE, ceil(found), "pixels a side")
