"""What all transformations share, and the option types of more than one family."""

from enum import Enum

from msgspec import UNSET, Struct

from engine.schema.scalars import Number


class Transform(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag=str.lower
):
    """What all transformations share: a tag named ``type``, no unknown key, no change."""


def need_one(transform: Struct, *names: str) -> None:
    """Raise ValueError if none of these options is given."""
    if all(getattr(transform, name) is UNSET for name in names):
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


class Opacity(Number, low=0, high=10):
    """Tenths."""


class Degrees(Number, low=0, high=360, decimals=2):
    """Clockwise."""
