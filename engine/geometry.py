"""Sizes and windows in whole pixels, and the rounding of numbers to them."""

from fractions import Fraction
from math import cos, floor, radians, sin
from typing import NamedTuple


def rnd(value: Fraction | float | int) -> int:
    """Round half up, as every size in the API is rounded: ``floor(x + 0.5)``."""
    return floor(value + Fraction(1, 2)) if isinstance(value, Fraction) else floor(value + 0.5)


class Size(NamedTuple):
    """Width and height in pixels, both at least 1."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.width * self.height

    @property
    def transposed(self) -> "Size":
        """Width and height exchanged."""
        return Size(self.height, self.width)


class Box(NamedTuple):
    """A window: its upper left corner, which may be outside the image, and its size."""

    left: int
    top: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}{self.left:+d}{self.top:+d}"

    @property
    def size(self) -> Size:
        """Its width and height."""
        return Size(self.width, self.height)

    def within(self, size: Size) -> "Box | None":
        """Cut off what sticks out of an area; None if nothing is left."""
        left, top = max(0, self.left), max(0, self.top)
        right = min(size.width, self.left + self.width)
        bottom = min(size.height, self.top + self.height)
        if right <= left or bottom <= top:
            return None
        return Box(left, top, right - left, bottom - top)

    def pushed_into(self, size: Size) -> "Box":
        """Shift back inside what sticks out; the box must not be larger than the area."""
        left = min(max(0, self.left), size.width - self.width)
        top = min(max(0, self.top), size.height - self.height)
        return Box(left, top, self.width, self.height)


def rotated_canvas(size: Size, degrees: float) -> Size:
    """Return the canvas that an image needs when it is rotated, rounded to the nearest pixel."""
    across, along = abs(cos(radians(degrees))), abs(sin(radians(degrees)))
    return Size(
        max(1, rnd(size.width * across + size.height * along)),
        max(1, rnd(size.width * along + size.height * across)),
    )
