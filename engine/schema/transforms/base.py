"""Shared by all transformations, and option types of more than one family."""

from enum import Enum
from fractions import Fraction

from msgspec import UNSET, Struct, UnsetType

from engine.schema.scalars import MAX_LENGTH, InvalidField, Length, Number


class Transform(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower
):
    """What all transformations share: a tag named ``type``, no unknown key, no change."""


def need_one(transform: Struct, *names: str) -> None:
    """Raise ValueError if none of these options is given."""
    for name in names:
        if getattr(transform, name) is not UNSET:
            return
    raise ValueError(f"expected at least one of {' and '.join(map(repr, names))}, got neither")


class Gravity(Enum):
    """Where something is placed in an area; ``middle`` is read as ``center``."""

    CENTER = "center"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"

    @classmethod
    def _missing_(cls, value: object) -> "Gravity | None":
        return cls.CENTER if value == "middle" else None


class CropGravity(Enum):
    """Which part of an image a window keeps: by place, or by what draws attention."""

    SMART = "smart"
    CENTER = "center"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"

    @classmethod
    def _missing_(cls, value: object) -> "CropGravity | None":
        return cls.CENTER if value == "middle" else None


class Share(Number, low=0, high=1):
    """A share of a side, from its left or upper end."""


class Focus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A point of the image, by shares of its width and height."""

    x: Share
    y: Share


def need_beside(transform: Struct, name: str, needed: str) -> None:
    """Raise InvalidField for an option that has no effect without another."""
    if getattr(transform, name) is not UNSET and getattr(transform, needed) is UNSET:
        raise InvalidField(name, f"expected {needed!r} beside it")


def check_window(
    gravity: CropGravity, focus: Focus | UnsetType, movable: bool, needed: str
) -> None:
    """Raise InvalidField for two ways to choose a window, or one that has no effect.

    `movable` says whether there is a window to be moved on a scaled image; `needed` says what
    has to be asked for to have one.
    """
    if focus is not UNSET and gravity is not CropGravity.CENTER:
        raise InvalidField("focus", f"expected no gravity beside it, got {gravity.value!r}")
    if not movable and focus is not UNSET:
        raise InvalidField("focus", f"expected {needed} beside it")
    if not movable and gravity is CropGravity.SMART:
        raise InvalidField("gravity", f"expected {needed} beside 'smart'")


class Margin(Length):
    """A distance from a side that may be 0: pixels or a share of the image along it."""

    expected = 'a distance of 0 or more, such as 20, "20px" or "5%"'

    @classmethod
    def _in_range(cls, amount: Fraction) -> bool:
        return 0 <= amount < MAX_LENGTH


class Extent(Length):
    """A distance above 0: pixels, or a share of the image's shorter side."""

    expected = 'a distance above 0, such as 20, "20px" or "5%" (of the shorter side)'


class Gap(Extent):
    """A distance that may be 0: pixels, or a share of the image's shorter side."""

    expected = 'a distance of 0 or more, such as 20, "20px" or "5%" (of the shorter side)'

    @classmethod
    def _in_range(cls, amount: Fraction) -> bool:
        return 0 <= amount < MAX_LENGTH


class Opacity(Number, low=0, high=10):
    """Tenths."""


class Degrees(Number, low=0, high=360, decimals=2):
    """Clockwise."""
