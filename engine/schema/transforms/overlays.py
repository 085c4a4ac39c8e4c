"""Transformations that draw a layer over the image: schema only."""

import re
from enum import Enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field
from msgspec.structs import force_setattr

from engine.schema.keys import Key
from engine.schema.scalars import Colour, Flag, Height, InvalidField, Number, Offset, Width
from engine.schema.transforms.base import (
    Degrees,
    Gap,
    Gravity,
    Opacity,
    Transform,
    need_beside,
)


class Blend(Enum):
    """How the colours of a layer are mixed with those under it, as W3C Compositing names it."""

    OVER = "over"
    MULTIPLY = "multiply"
    SCREEN = "screen"
    OVERLAY = "overlay"
    DARKEN = "darken"
    LIGHTEN = "lighten"
    SOFT_LIGHT = "soft-light"
    HARD_LIGHT = "hard-light"
    DIFFERENCE = "difference"


class Align(Enum):
    """Where the lines of a text stand in its box."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


class FontSize(Number, above=0):
    """The em size in pixels."""


class LineSpacing(Number, low=0.1, high=10):
    """Times the height of the font."""


class StrokeWidth(Number, low=0, high=50):
    """Pixels around the letters."""


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


class Annotation(Transform, frozen=True):
    """Text drawn over the image; a line feed begins a new line."""

    text: str
    font: Annotated[str, Meta(min_length=1, max_length=200)] = "Arial"
    size: FontSize = FontSize(12)
    color: Colour = Colour((0, 0, 0, 255))
    gravity: Gravity = Gravity.CENTER
    xoffset: Offset = Offset(0)
    yoffset: Offset = Offset(0)
    width: Width | UnsetType = UNSET
    align: Align = Align.LEFT
    line_spacing: LineSpacing = LineSpacing(1)
    opacity: Opacity = Opacity(10)
    degrees: Degrees = Degrees(0)
    background: Colour | UnsetType = UNSET
    padding: Gap | UnsetType = UNSET
    stroke_color: Colour | UnsetType = UNSET
    stroke_width: StrokeWidth | UnsetType = UNSET

    def __post_init__(self) -> None:
        if found := CONTROL.search(self.text):
            what = f"expected text without control characters, got U+{ord(found[0]):04X}"
            raise InvalidField("text", what)
        need_beside(self, "padding", "background")
        need_beside(self, "stroke_width", "stroke_color")
        need_beside(self, "stroke_color", "stroke_width")


class Watermark(Transform, frozen=True):
    """Another image drawn over this one; its source may be named ``source`` or ``Source``."""

    source: Key | UnsetType = UNSET
    source_capitalised: Key | UnsetType = field(default=UNSET, name="Source")
    gravity: Gravity = Gravity.CENTER
    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    xoffset: Offset = Offset(0)
    yoffset: Offset = Offset(0)
    opacity: Opacity = Opacity(10)
    degrees: Degrees = Degrees(0)
    blend: Blend = Blend.OVER
    tile: Flag = Flag(False)
    spacing: Gap | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.source is UNSET) == (self.source_capitalised is UNSET):
            raise ValueError("expected 'source' (or 'Source') exactly once")
        if self.source is UNSET:
            force_setattr(self, "source", self.source_capitalised)
            force_setattr(self, "source_capitalised", UNSET)
        if self.spacing is not UNSET and not self.tile:
            raise InvalidField("spacing", "expected a 'tile' that is true beside it")

    @property
    def key(self) -> Key:
        """The watermark's own source."""
        assert self.source is not UNSET  # noqa: S101 - checked by __post_init__
        return self.source
