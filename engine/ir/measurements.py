"""What must be measured in pixels before the rest of a job can be planned.

A measurement is what a plan is to find out, as data; `engine.execute.measuring` does it. What
is found is a window of the measured image, or the range of each channel.
"""

# ruff: noqa: D102 - assumed is described once, in Measurement

from typing import ClassVar

from msgspec import Struct

from engine.geometry import Box, Size

Ranges = tuple[tuple[int, int], ...]
Measured = Box | Ranges


class Measurement(Struct, frozen=True):
    """What is measured.

    `assumption` says what an explanation goes on with instead; `materialises` whether the whole
    image is in memory for it. All others stream.
    """

    assumption: ClassVar[str]
    materialises: ClassVar[bool] = False

    def assumed(self, size: Size) -> Measured:
        """Return what an explanation goes on with, for an image of this size: all of it."""
        return Box(0, 0, *size)


class Bars(Measurement, frozen=True):
    """The rows between near-black bars."""

    assumption = "finds no bars"
    materialises = True


class Border(Measurement, frozen=True):
    """The smallest window of what differs by more than `threshold` from a colour.

    Without a colour it is the top left pixel's.
    """

    assumption = "finds nothing to trim"
    threshold: float
    colour: tuple[int, int, int, int] | None = None


class Attention(Measurement, frozen=True):
    """The window of a size that draws the most attention."""

    assumption = "finds the centre"
    width: int
    height: int

    def assumed(self, size: Size) -> Box:
        left, top = (size.width - self.width) // 2, (size.height - self.height) // 2
        return Box(left, top, self.width, self.height)


class Percentiles(Measurement, frozen=True):
    """The 1st and the 99th percentile of each colour."""

    assumption = "finds the whole range"

    def assumed(self, size: Size) -> Ranges:
        return ((0, 255),) * 3
