"""The nodes of a plan: each one operation, with its parameters and its output frame.

What all nodes have in common is described in `engine.ir.plan.Node`.
"""

# ruff: noqa: D102 - frame, access, halo and detail are described once, in Node

from msgspec import Struct
from msgspec.structs import replace

from engine.geometry import Box
from engine.ir.plan import Access, Frame, Locality, Node, frames_of
from engine.sources import Facts

RGBA = tuple[int, int, int, int]
Mask = tuple[int, int, int, int, int, int, int, int, int]


class Decode(Node, frozen=True):
    """Read the source, each side divided by `shrink` (1, 2, 4 or 8) and rounded down.

    libvips leaves out the last rows and columns that fill no whole block of `shrink` pixels.

    Of an animation the first `pages` frames are read; every further node works on each of
    them by itself.
    """

    shrink: int = 1
    pages: int = 1

    def frame(self, given: Frame) -> Frame:
        wide, high = (side // self.shrink for side in given.size)
        return replace(given, width=wide, height=high, pages=self.pages)

    @property
    def detail(self) -> str:
        shrink = f"1/{self.shrink}" if self.shrink > 1 else ""
        pages = f"{self.pages} frames" if self.pages > 1 else ""
        return " ".join(filter(None, [shrink, pages]))


class ToSrgb(Node, frozen=True):
    """Make 8-bit sRGB of any source: through its profile if `profile`, else by its kind."""

    profile: bool = False

    def frame(self, given: Frame) -> Frame:
        return replace(given, bands=3, depth=8)

    @property
    def detail(self) -> str:
        return "through its ICC profile" if self.profile else ""


class Orient(Node, frozen=True):
    """One of the eight orientation transforms: mirror left and right, then turn clockwise.

    `quarters` counts the quarter turns, 0 to 3.
    """

    locality = Locality.GEOMETRIC
    mirror: bool = False
    quarters: int = 0

    @classmethod
    def of_orientation(cls, orientation: int) -> "Orient":
        """Give the transform that makes an image with this EXIF orientation upright."""
        mirror, quarters = _ORIENTATIONS[orientation]
        return cls(mirror, quarters)

    @property
    def access(self) -> Access:
        return Access.SEQUENTIAL if self.quarters == 0 else Access.RANDOM

    def frame(self, given: Frame) -> Frame:
        return given.sized(given.height, given.width) if self.quarters % 2 else given

    def followed_by(self, after: "Orient") -> "Orient":
        """Give the one transform that does this and then another."""
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


class Rotate(Node, frozen=True):
    """Rotate clockwise on a canvas of a size, centre to centre; the corners are transparent.

    With `on_white`, which is for images without alpha, they are white instead.
    """

    locality = Locality.GEOMETRIC
    degrees: float
    width: int
    height: int
    on_white: bool = False

    @property
    def access(self) -> Access:
        return Access.RANDOM

    def frame(self, given: Frame) -> Frame:
        if self.on_white:
            return given.sized(self.width, self.height)
        return replace(given, width=self.width, height=self.height, alpha=True, premultiplied=True)

    @property
    def detail(self) -> str:
        return f"{self.degrees:g}°{' on white' if self.on_white else ''}"


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
        return f"{_hexadecimal(self.colour)}, image at {self.left:+d}{self.top:+d}"


class Table(Node, frozen=True):
    """Look each colour up: one table of 256 bytes for each band. Alpha stays."""

    tables: tuple[bytes, ...]

    @property
    def detail(self) -> str:
        return _curves(self.tables)


class Luma(Node, frozen=True):
    """RGB to one grey band: ``floor((299 R + 587 G + 114 B) / 1000)``."""

    def frame(self, given: Frame) -> Frame:
        return replace(given, bands=1)


class Tint(Node, frozen=True):
    """One grey band to RGB: a table of 256 bytes for each of the three."""

    tables: tuple[bytes, ...]

    def frame(self, given: Frame) -> Frame:
        return replace(given, bands=3)

    @property
    def detail(self) -> str:
        return _curves(self.tables)


class Toned(Node, frozen=True):
    """Look each colour up in `tables`, take the luma, and tint it, all in whole numbers.

    The grey between may be one level too high or too low.
    """

    tables: tuple[bytes, ...]
    tints: tuple[bytes, ...]

    @property
    def detail(self) -> str:
        return f"{_curves(self.tables)} → {_curves(self.tints)}"


class Premultiply(Node, frozen=True):
    """Multiply colours by alpha, rounded to 8 bits."""

    def frame(self, given: Frame) -> Frame:
        return replace(given, premultiplied=True)


class Unpremultiply(Node, frozen=True):
    """Divide colours by alpha, rounded to 8 bits."""

    def frame(self, given: Frame) -> Frame:
        return replace(given, premultiplied=False)


class Clamp(Node, frozen=True):
    """Clip premultiplied colours to their alpha, as dividing and multiplying again would."""


class Flatten(Node, frozen=True):
    """Flatten onto white and drop alpha; `premultiplied` says whether colours are."""

    premultiplied: bool = False

    def frame(self, given: Frame) -> Frame:
        return replace(given, alpha=False, premultiplied=False)


class Convolve(Node, frozen=True):
    """A 3 × 3 mask, row by row, as GD applies it: ``sum / divisor + offset``.

    Edges are replicated, colours are straight, clear pixels count as black, alpha stays.
    """

    locality = Locality.NEIGHBOURHOOD
    mask: Mask
    divisor: int = 1
    offset: int = 0

    @property
    def halo(self) -> int:
        return 1

    @property
    def detail(self) -> str:
        rows = (self.mask[at : at + 3] for at in (0, 3, 6))
        mask = "/".join(" ".join(map(str, row)) for row in rows)
        return f"{mask}, ÷{self.divisor} {self.offset:+d}"


class SelectiveBlur(Node, frozen=True):
    """Mean of the 3 × 3 neighbours, each weighted by how near its value is. Alpha stays."""

    locality = Locality.NEIGHBOURHOOD

    @property
    def halo(self) -> int:
        return 1


class Enhance(Node, frozen=True):
    """Noise reduction: weighted mean of those in a 5 × 5 window whose colour is near."""

    locality = Locality.NEIGHBOURHOOD

    @property
    def halo(self) -> int:
        return 2


class Blur(Node, frozen=True):
    """A Gaussian of `sigma` pixels cut off at `radius`, in floats.

    With `integers`, weights and the image between the two directions are whole numbers.
    With a `shrink` above 1 it works on an image that many times smaller.
    """

    locality = Locality.NEIGHBOURHOOD
    sigma: float
    radius: int
    integers: bool = False
    shrink: int = 1

    @property
    def halo(self) -> int:
        return self.radius

    @property
    def detail(self) -> str:
        how = "in integers" if self.integers else ""
        small = f"at 1/{self.shrink}" if self.shrink > 1 else ""
        return " ".join(filter(None, [f"σ {self.sigma:g} radius {self.radius}", how, small]))


class ImageLayer(Struct, frozen=True, tag=True):
    """Another image to be laid over this one: its nodes, from decoding on."""

    source: str
    facts: Facts
    nodes: tuple[Node, ...]

    @property
    def frame(self) -> Frame:
        """Its frame after the last node."""
        return frames_of(self.facts, self.nodes)[-1]

    def __str__(self) -> str:
        return f"{self.source} {self.frame}"


class TextLayer(Struct, frozen=True, tag=True):
    """Lines of text; `size` is the em in pixels.

    `fonts` are the requested one, then the fallback fonts that are needed.
    `width` and `height` are those of the logical box, divided evenly among the lines.
    """

    lines: tuple[str, ...]
    fonts: tuple[str, ...]
    size: float
    colour: RGBA
    width: int
    height: int

    def __str__(self) -> str:
        text = " / ".join(self.lines)
        short = text if len(text) <= 20 else f"{text[:19]}…"
        return f'"{short}" {" + ".join(self.fonts)} {self.size:g} {_hexadecimal(self.colour)}'


class Overlay(Node, frozen=True):
    """Lay an image or text over this one, its corner at `left`, `top`; clipped to it."""

    layer: ImageLayer | TextLayer
    left: int
    top: int

    @property
    def detail(self) -> str:
        return f"{self.layer} at {self.left:+d}{self.top:+d}"


def _hexadecimal(colour: RGBA) -> str:
    return "#" + bytes(colour).hex().removesuffix("ff" if colour[3] == 255 else "")


def _curves(tables: tuple[bytes, ...]) -> str:
    curves = [
        "…".join(str(table[at]) for at in (0, 128, 255) if at < len(table)) for table in tables
    ]
    return " ".join(curves if len(set(tables)) > 1 else curves[:1])
