"""Transformations that scale, crop and move: schema only."""

from enum import Enum

from msgspec import UNSET, UnsetType

from engine.schema.scalars import Colour, Flag, Height, Number, Offset, Width
from engine.schema.transforms.base import Degrees, Gravity, Opacity, Transform, need_one


class FitType(Enum):
    """How an image is fitted into a box."""

    BOX = "box"
    STRETCH = "stretch"
    CROPBOX = "cropbox"
    LETTERBOX = "letterbox"
    OUTSIDE = "outside"


class Direction(Enum):
    """``x`` = ``horizontal`` mirrors left and right, ``y`` = ``vertical`` top and bottom."""

    X = "x"
    Y = "y"
    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"

    @property
    def sideways(self) -> bool:
        """Whether left and right are exchanged, rather than top and bottom."""
        return self in {Direction.X, Direction.HORIZONTAL}


class ZoomLevel(Number, low=0, high=10):
    """Pixels of the screen for each one of the page."""


class Crop(Transform, frozen=True):
    """Cuts a window: out of the image scaled to cover it (`fit`), or as it is."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    gravity: Gravity = Gravity.CENTER
    xoffset: Offset = Offset(0)
    yoffset: Offset = Offset(0)
    fit: Flag = Flag(True)

    def __post_init__(self) -> None:
        need_one(self, "width", "height")


class FitMethod(Transform, frozen=True):
    """Fits the image into a box, in one of five ways."""

    fit_type: FitType
    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    gravity: Gravity = Gravity.CENTER
    color: Colour = Colour((0, 0, 0, 255))
    opacity: Opacity = Opacity(10)

    def __post_init__(self) -> None:
        need_one(self, "width", "height")


class Flip(Transform, frozen=True):
    """A mirror image."""

    direction: Direction


class Resize(Transform, frozen=True):
    """Scales to a size; a side that is not given follows the image's shape."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET

    def __post_init__(self) -> None:
        need_one(self, "width", "height")


class Rotate(Transform, frozen=True):
    """Rotates clockwise."""

    degrees: Degrees


class Ulb(Transform, frozen=True):
    """Un-letterbox: removes near-black bars at the top and the bottom."""


class Zoom(Transform, frozen=True):
    """Scales for dense screens: `level` times the size, as far as the pixels reach."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    level: ZoomLevel = ZoomLevel(1)

    def __post_init__(self) -> None:
        need_one(self, "width", "height")
