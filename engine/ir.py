"""The machine's words: what is done to a picture, node by node.

A plan is the facts of its source, a list of nodes and how the result is saved. A node is a
value: frozen, hashable, equal to another with the same content. It holds numbers only, so
equal beginnings of two plans compare equal and a plan can be written as JSON. Each node
tells the frame that it makes of a frame, how far it looks (its locality) and in which
order it reads (its access). What is legal is written in `engine.spec`.
"""

# ruff: noqa: D102 - frame, access, halo and words are described once, in Node

from enum import Enum
from functools import cached_property
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from engine.facts import Facts
from engine.geometry import Box, Size
from engine.transforms import Format

RGBA = tuple[int, int, int, int]


class Locality(Enum):
    """What a node must see to make one pixel."""

    POINTWISE = "pointwise"  # that pixel
    NEIGHBOURHOOD = "neighbourhood"  # what lies within its halo
    GEOMETRIC = "geometric"  # pixels elsewhere, known in advance
    GLOBAL = "global"  # the whole picture


class Access(Enum):
    """In which order a node reads its input when its output is read from top to bottom."""

    SEQUENTIAL = "sequential"
    RANDOM = "random"


class Frame(Struct, frozen=True):
    """The shape of a picture between two nodes.

    `bands` counts colours (1, 3, or 4 for CMYK), `depth` is in bits. `premultiplied` tells
    whether colours are multiplied by alpha.
    """

    width: int
    height: int
    bands: int = 3
    alpha: bool = False
    premultiplied: bool = False
    depth: int = 8

    @property
    def size(self) -> Size:
        """Width and height."""
        return Size(self.width, self.height)

    def sized(self, width: int, height: int) -> "Frame":
        """The same kind of picture at another size."""
        return replace(self, width=width, height=height)

    @property
    def kind(self) -> str:
        """Bands and depth in a word, such as ``RGBA`` or ``RGBA*`` when premultiplied."""
        name = {1: "grey", 3: "RGB", 4: "CMYK"}[self.bands]
        deep = "" if self.depth == 8 else str(self.depth)
        return f"{name}{'A' if self.alpha else ''}{'*' if self.premultiplied else ''}{deep}"

    def __str__(self) -> str:
        return f"{self.size} {self.kind}"


class Node(Struct, frozen=True, tag_field="node", tag=str.lower):
    """One step; the defaults are those of a pointwise node that changes no shape."""

    locality: ClassVar[Locality] = Locality.POINTWISE

    @property
    def access(self) -> Access:
        """Sequential, unless the node says otherwise."""
        return Access.SEQUENTIAL

    @property
    def halo(self) -> int:
        """How many pixels around one that it reads, for neighbourhood nodes."""
        return 0

    def frame(self, given: Frame) -> Frame:
        """Tell the frame that comes out, for a frame that goes in."""
        return given

    @property
    def words(self) -> str:
        """Its content in a few words."""
        return ""


class Decode(Node, frozen=True):
    """Read the source, each side divided by `shrink` (1, 2, 4 or 8) and rounded up."""

    shrink: int = 1

    def frame(self, given: Frame) -> Frame:
        return given.sized(-(-given.width // self.shrink), -(-given.height // self.shrink))

    @property
    def words(self) -> str:
        return f"1/{self.shrink}" if self.shrink > 1 else ""


class ToSrgb(Node, frozen=True):
    """Make 8-bit sRGB of any source: through its profile if `profile`, else by its kind."""

    profile: bool = False

    def frame(self, given: Frame) -> Frame:
        return replace(given, bands=3, depth=8)

    @property
    def words(self) -> str:
        return "through its ICC profile" if self.profile else ""


class Turn(Node, frozen=True):
    """One of the eight turns of a square: mirror left and right, then turn clockwise.

    `quarters` counts the quarter turns, 0 to 3.
    """

    locality = Locality.GEOMETRIC
    mirror: bool = False
    quarters: int = 0

    @classmethod
    def of_orientation(cls, orientation: int) -> "Turn":
        """Give the turn that makes a picture with this EXIF orientation upright."""
        mirror, quarters = _ORIENTATIONS[orientation]
        return cls(mirror, quarters)

    @property
    def access(self) -> Access:
        return Access.SEQUENTIAL if self.quarters == 0 else Access.RANDOM

    def frame(self, given: Frame) -> Frame:
        return given.sized(given.height, given.width) if self.quarters % 2 else given

    def then(self, after: "Turn") -> "Turn":
        """Give the one turn that does this and then another."""
        own = -self.quarters if after.mirror else self.quarters
        return Turn(self.mirror != after.mirror, (own + after.quarters) % 4)

    @property
    def words(self) -> str:
        mirror = "mirror" if self.mirror else ""
        turn = f"{self.quarters * 90}°" if self.quarters else ""
        return " ".join(filter(None, [mirror, turn])) or "nothing"


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
    def words(self) -> str:
        return str(self.box)


class Resample(Node, frozen=True):
    """Scale to a size: Lanczos-3 where it shrinks, Catmull-Rom where it enlarges."""

    locality = Locality.GEOMETRIC
    width: int
    height: int

    def frame(self, given: Frame) -> Frame:
        return given.sized(self.width, self.height)

    @property
    def words(self) -> str:
        return f"to {self.width}×{self.height}"


class Rotate(Node, frozen=True):
    """Turn clockwise on a canvas of a size, centre to centre; what is uncovered is clear."""

    locality = Locality.GEOMETRIC
    degrees: float
    width: int
    height: int

    @property
    def access(self) -> Access:
        return Access.RANDOM

    def frame(self, given: Frame) -> Frame:
        return replace(given, width=self.width, height=self.height, alpha=True, premultiplied=True)

    @property
    def words(self) -> str:
        return f"{self.degrees:g}°"


class Canvas(Node, frozen=True):
    """Put the picture on a coloured canvas, its corner at `left`, `top`."""

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
    def words(self) -> str:
        return f"{_hexadecimal(self.colour)}, picture at {self.left:+d}{self.top:+d}"


class Table(Node, frozen=True):
    """Look each colour up: one table of 256 bytes for each band. Alpha stays."""

    tables: tuple[bytes, ...]

    @property
    def words(self) -> str:
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
    def words(self) -> str:
        return _curves(self.tables)


class Premultiply(Node, frozen=True):
    """Multiply colours by alpha, rounded to 8 bits."""

    def frame(self, given: Frame) -> Frame:
        return replace(given, premultiplied=True)


class Unpremultiply(Node, frozen=True):
    """Divide colours by alpha, rounded to 8 bits."""

    def frame(self, given: Frame) -> Frame:
        return replace(given, premultiplied=False)


class Flatten(Node, frozen=True):
    """Lay the picture on white and drop its alpha."""

    def frame(self, given: Frame) -> Frame:
        return replace(given, alpha=False)


class Save(Struct, frozen=True):
    """How the result is written; `quality` is 1 to 100 and matters to lossy formats only."""

    format: Format
    quality: int

    def __str__(self) -> str:
        return f"{self.format.value} quality {self.quality}"


class Plan(Struct, frozen=True, dict=True):
    """One job: the source's facts, the nodes from decoding on, and how it is saved."""

    facts: Facts
    nodes: tuple[Node, ...]
    save: Save

    @cached_property
    def source_frame(self) -> Frame:
        """The frame that the file holds, which the first node is given."""
        facts = self.facts
        return Frame(facts.width, facts.height, facts.bands, facts.alpha, depth=facts.depth)

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """The frame after each node."""
        frames, frame = [], self.source_frame
        for node in self.nodes:
            frame = node.frame(frame)
            frames.append(frame)
        return tuple(frames)

    @property
    def frame(self) -> Frame:
        """The frame that is saved."""
        return self.frames[-1] if self.frames else self.source_frame

    def with_nodes(self, nodes: tuple[Node, ...]) -> "Plan":
        """Give the same plan with other nodes; the very same object if they are equal."""
        return self if nodes == self.nodes else Plan(self.facts, nodes, self.save)

    def __str__(self) -> str:
        return "\n".join(
            [f"    source        {self.facts}", *lines(self), f"    save          {self.save}"]
        )


def lines(plan: Plan) -> list[str]:
    """Write each node on a line: what it does, what comes out, how it looks and reads."""
    rows = [
        (type(node).__name__.lower(), node.words, str(frame.size), frame.kind, _manner(node))
        for node, frame in zip(plan.nodes, plan.frames, strict=True)
    ]
    wide = max((len(row[1]) for row in rows), default=0)
    return [
        f"{index:>3} {name:<13} {words:<{wide}}  {size:>11}  {kind:<6} {manner}"
        for index, (name, words, size, kind, manner) in enumerate(rows)
    ]


def _manner(node: Node) -> str:
    halo = f" {node.halo}" if node.halo else ""
    return f"{node.locality.value}{halo}, {node.access.value}"


def _hexadecimal(colour: RGBA) -> str:
    return "#" + bytes(colour).hex().removesuffix("ff" if colour[3] == 255 else "")


def _curves(tables: tuple[bytes, ...]) -> str:
    curves = [
        "…".join(str(table[at]) for at in (0, 128, 255) if at < len(table)) for table in tables
    ]
    return " ".join(curves if len(set(tables)) > 1 else curves[:1])
