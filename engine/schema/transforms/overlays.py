"""Transformations that lay something over the image: schema only."""

import re
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field
from msgspec.structs import force_setattr

from engine.schema.keys import Key
from engine.schema.scalars import Colour, Height, InvalidField, Number, Offset, Width
from engine.schema.transforms.base import Gravity, Transform


class FontSize(Number, above=0):
    """The em size in pixels."""


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

    def __post_init__(self) -> None:
        if found := CONTROL.search(self.text):
            what = f"expected text without control characters, got U+{ord(found[0]):04X}"
            raise InvalidField("text", what)


class Watermark(Transform, frozen=True):
    """Another image laid over this one; its source may be named ``source`` or ``Source``."""

    source: Key | UnsetType = UNSET
    source_capitalised: Key | UnsetType = field(default=UNSET, name="Source")
    gravity: Gravity = Gravity.CENTER
    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    xoffset: Offset = Offset(0)
    yoffset: Offset = Offset(0)

    def __post_init__(self) -> None:
        if (self.source is UNSET) == (self.source_capitalised is UNSET):
            raise ValueError("expected 'source' (or 'Source') exactly once")
        if self.source is UNSET:
            force_setattr(self, "source", self.source_capitalised)
            force_setattr(self, "source_capitalised", UNSET)

    @property
    def key(self) -> Key:
        """The watermark's own source."""
        assert self.source is not UNSET  # noqa: S101 - checked by __post_init__
        return self.source
