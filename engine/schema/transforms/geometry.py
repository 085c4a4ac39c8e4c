"""Transformations that scale, crop and move: schema only."""

from enum import Enum

from msgspec import UNSET, UnsetType

from engine.schema.scalars import Colour, Flag, Height, InvalidField, Number, Offset, Width
from engine.schema.transforms.base import (
    CropGravity,
    Degrees,
    Extent,
    Focus,
    Margin,
    Opacity,
    Transform,
    check_window,
    need_one,
)


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


class TrimThreshold(Number, low=0, high=255):
    """Levels by which a pixel may differ and still be trimmed."""


class Crop(Transform, frozen=True):
    """Cuts a window: out of the image scaled to cover it (`fit`), or as it is."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    gravity: CropGravity = CropGravity.CENTER
    focus: Focus | UnsetType = UNSET
    xoffset: Offset = Offset(0)
    yoffset: Offset = Offset(0)
    fit: Flag = Flag(True)

    def __post_init__(self) -> None:
        need_one(self, "width", "height")
        check_window(self.gravity, self.focus, bool(self.fit), "'fit': true")


class FitMethod(Transform, frozen=True):
    """Fits the image into a box, in one of five ways."""

    fit_type: FitType
    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    gravity: CropGravity = CropGravity.CENTER
    focus: Focus | UnsetType = UNSET
    color: Colour = Colour((0, 0, 0, 255))
    opacity: Opacity = Opacity(10)
    enlarge: Flag = Flag(True)

    def __post_init__(self) -> None:
        need_one(self, "width", "height")
        movable = self.fit_type is FitType.CROPBOX
        check_window(self.gravity, self.focus, movable, "a fit_type of 'cropbox'")


class Flip(Transform, frozen=True):
    """A mirror image."""

    direction: Direction


class Pad(Transform, frozen=True):
    """Puts the image on a canvas that is wider and higher by margins."""

    width: Margin | UnsetType = UNSET
    top: Margin | UnsetType = UNSET
    right: Margin | UnsetType = UNSET
    bottom: Margin | UnsetType = UNSET
    left: Margin | UnsetType = UNSET
    color: Colour = Colour((0, 0, 0, 255))
    opacity: Opacity = Opacity(10)

    def __post_init__(self) -> None:
        sides = ("top", "right", "bottom", "left")
        need_one(self, "width", *sides)
        for side in sides:
            if self.width is not UNSET and getattr(self, side) is not UNSET:
                raise InvalidField(side, "expected no 'width' beside it, which is all four")


class Resize(Transform, frozen=True):
    """Scales to a size; a side that is not given follows the image's shape."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    enlarge: Flag = Flag(True)

    def __post_init__(self) -> None:
        need_one(self, "width", "height")


class Rotate(Transform, frozen=True):
    """Rotates clockwise."""

    degrees: Degrees
    color: Colour = Colour((0, 0, 0, 255))
    opacity: Opacity = Opacity(0)


class Round(Transform, frozen=True):
    """Makes the corners outside of circles transparent."""

    radius: Extent


class Trim(Transform, frozen=True):
    """Removes the border of one colour: that of the top left pixel, unless it is given."""

    threshold: TrimThreshold = TrimThreshold(10)
    color: Colour | UnsetType = UNSET


class Ulb(Transform, frozen=True):
    """Un-letterbox: removes near-black bars at the top and the bottom."""


class Zoom(Transform, frozen=True):
    """Scales for dense screens: `level` times the size, as far as the pixels reach."""

    width: Width | UnsetType = UNSET
    height: Height | UnsetType = UNSET
    level: ZoomLevel = ZoomLevel(1)
    enlarge: Flag = Flag(True)

    def __post_init__(self) -> None:
        need_one(self, "width", "height")
