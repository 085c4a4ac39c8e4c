"""Nodes that read, scale, crop and move."""

# ruff: noqa: D102 - frame, access, halo and detail are described once, in Node

from msgspec.structs import replace

from engine.geometry import Box
from engine.ir.nodes.colour import CLEAR, RGBA, hexadecimal
from engine.ir.plan import Access, Frame, Locality, Node


class Decode(Node, frozen=True):
    """Read the source, each side divided by `shrink` (1, 2, 4 or 8) and rounded down.

    libvips leaves out the last rows and columns that fill no whole block of `shrink` pixels.

    Of an animation the first `pages` frames are read; every further node works on each of
    them by itself. If `tolerant`, what can be read of a damaged file is taken.
    """

    shrink: int = 1
    pages: int = 1
    tolerant: bool = False

    def frame(self, given: Frame) -> Frame:
        wide, high = (side // self.shrink for side in given.size)
        return replace(given, width=wide, height=high, pages=self.pages)

    @property
    def detail(self) -> str:
        shrink = f"1/{self.shrink}" if self.shrink > 1 else ""
        pages = f"{self.pages} frames" if self.pages > 1 else ""
        tolerant = "damaged or not" if self.tolerant else ""
        return " ".join(filter(None, [shrink, pages, tolerant]))


class Orient(Node, frozen=True):
    """One of the eight orientation transforms: mirror left and right, then turn clockwise.

    `quarters` counts the quarter turns, 0 to 3.
    """

    locality = Locality.GEOMETRIC
    mirror: bool = False
    quarters: int = 0

    @classmethod
    def of_orientation(cls, orientation: int) -> "Orient":
        """Return the transform that makes an image with this EXIF orientation upright."""
        mirror, quarters = _ORIENTATIONS[orientation]
        return cls(mirror, quarters)

    @property
    def access(self) -> Access:
        return Access.SEQUENTIAL if self.quarters == 0 else Access.RANDOM

    def frame(self, given: Frame) -> Frame:
        return given.sized(given.height, given.width) if self.quarters % 2 else given

    def followed_by(self, after: "Orient") -> "Orient":
        """Return the one transform that does this and then another."""
        own = -self.quarters if after.mirror else self.quarters
        return Orient(self.mirror != after.mirror, (own + after.quarters) % 4)

    @property
    def detail(self) -> str:
        mirror = "mirror" if self.mirror else ""
        angle = f"{self.quarters * 90}°" if self.quarters else ""
        return " ".join(filter(None, [mirror, angle])) or "nothing"


_ORIENTATIONS = {
    1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2),
    5: (True, 3), 6: (False, 1), 7: (True, 1), 8: (False, 3),
}  # fmt: skip


class Crop(Node, frozen=True):
    """Keep a window."""

    locality = Locality.GEOMETRIC
    box: Box

    def frame(self, given: Frame) -> Frame:
        return given.sized(*self.box.size)

    @property
    def detail(self) -> str:
        return str(self.box)


class Resample(Node, frozen=True):
    """Scale to a size: Lanczos-3 where it shrinks, Catmull-Rom where it enlarges."""

    locality = Locality.GEOMETRIC
    width: int
    height: int

    def frame(self, given: Frame) -> Frame:
        return given.sized(self.width, self.height)

    @property
    def detail(self) -> str:
        return f"to {self.width}×{self.height}"


class Enlarge(Node, frozen=True):
    """Scale up to a size by Catmull-Rom, of which only a window is made."""

    locality = Locality.GEOMETRIC
    width: int
    height: int
    box: Box

    def frame(self, given: Frame) -> Frame:
        return given.sized(*self.box.size)

    @property
    def detail(self) -> str:
        return f"to {self.width}×{self.height}, {self.box} of it"


class Pixelate(Node, frozen=True):
    """Make each block of `side` pixels, from the top left, its mean; the last ones are cut."""

    locality = Locality.GEOMETRIC
    side: int

    @property
    def detail(self) -> str:
        return f"blocks of {self.side}"


class Rotate(Node, frozen=True):
    """Rotate clockwise on a canvas of a size, centre to centre; the corners show `fill`.

    An opaque image on an opaque fill stays so; any other result is premultiplied.
    """

    locality = Locality.GEOMETRIC
    degrees: float
    width: int
    height: int
    fill: RGBA = CLEAR

    @property
    def access(self) -> Access:
        return Access.RANDOM

    def frame(self, given: Frame) -> Frame:
        if not given.alpha and self.fill[3] == 255:
            return given.sized(self.width, self.height)
        return replace(given, width=self.width, height=self.height, alpha=True, premultiplied=True)

    @property
    def detail(self) -> str:
        fill = f" on {hexadecimal(self.fill)}" if self.fill[3] else ""
        return f"{self.degrees:g}°{fill}"


class Canvas(Node, frozen=True):
    """Put the image on a coloured canvas, its corner at `left`, `top`."""

    locality = Locality.GEOMETRIC
    width: int
    height: int
    left: int
    top: int
    colour: RGBA

    def frame(self, given: Frame) -> Frame:
        alpha = given.alpha or self.colour[3] < 255
        return replace(given, width=self.width, height=self.height, alpha=alpha)

    @property
    def detail(self) -> str:
        return f"{hexadecimal(self.colour)}, image at {self.left:+d}{self.top:+d}"
