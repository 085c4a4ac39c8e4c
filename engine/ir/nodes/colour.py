"""Pointwise nodes: they change colours and move no pixels."""

# ruff: noqa: D102 - frame, access, halo and detail are described once, in Node

from msgspec.structs import replace

from engine.ir.plan import Frame, Node

RGBA = tuple[int, int, int, int]
Numbers = tuple[float, float, float]
CLEAR: RGBA = (0, 0, 0, 0)
WHITE: RGBA = (255, 255, 255, 255)


class ToSrgb(Node, frozen=True):
    """Make 8-bit sRGB of any source: through its profile if `profile`, else by its kind."""

    profile: bool = False

    def frame(self, given: Frame) -> Frame:
        return replace(given, bands=3, depth=8)

    @property
    def detail(self) -> str:
        return "through its ICC profile" if self.profile else ""


class Table(Node, frozen=True):
    """Look each colour up: one table of 256 bytes for each band. Alpha stays."""

    tables: tuple[bytes, ...]

    @property
    def detail(self) -> str:
        return _curves(self.tables)


class Matrix(Node, frozen=True):
    """Mix the three colours, row by row of the result, rounded and clipped. Alpha stays."""

    rows: tuple[Numbers, Numbers, Numbers]

    @property
    def detail(self) -> str:
        return " / ".join(" ".join(f"{weight:.3g}" for weight in row) for row in self.rows)


class RoundCorners(Node, frozen=True):
    """Make transparent what is outside a rectangle with round corners.

    The rectangle's corner is at `left`, `top` of the image, and `radius` counts half pixels
    of it, up to half its shorter side. A pixel on the edge is covered by as much as its centre
    is nearer than the radius, from half a pixel outside to half a pixel inside.
    """

    radius: float
    width: int
    height: int
    left: int = 0
    top: int = 0

    def frame(self, given: Frame) -> Frame:
        return replace(given, alpha=True)

    @property
    def detail(self) -> str:
        return f"radius {self.radius:g} of {self.width}×{self.height}{self.left:+d}{self.top:+d}"


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
    """Flatten the image onto a colour; alpha stays where that one has some.

    `premultiplied` says whether colours are, which is for opaque backgrounds.
    """

    background: RGBA = WHITE
    premultiplied: bool = False

    def frame(self, given: Frame) -> Frame:
        return replace(given, alpha=self.background[3] < 255, premultiplied=False)

    @property
    def detail(self) -> str:
        return "" if self.background == WHITE else f"on {hexadecimal(self.background)}"


def hexadecimal(colour: RGBA) -> str:
    """Write a colour as in a request; alpha only where it is not opaque."""
    return "#" + bytes(colour).hex().removesuffix("ff" if colour[3] == 255 else "")


def _curves(tables: tuple[bytes, ...]) -> str:
    curves = [
        "…".join(str(table[at]) for at in (0, 128, 255) if at < len(table)) for table in tables
    ]
    return " ".join(curves if len(set(tables)) > 1 else curves[:1])
