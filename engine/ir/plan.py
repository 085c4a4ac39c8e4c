"""The intermediate representation (IR): what is done to an image, node by node.

A plan is the facts of its source, a list of nodes and how the result is saved. A node is a
value: frozen, hashable, equal to another with the same content. It holds numbers only, so
equal prefixes of two plans compare equal and a plan can be written as JSON. Each node gives
its output frame for an input frame, which pixels it depends on (its locality) and in which
order it reads them (its access). The nodes are in `engine.ir.nodes`, the rules for legal
plans in `engine.ir.verifier`.
"""

from collections.abc import Iterable
from enum import Enum
from functools import cached_property
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from engine.geometry import Size
from engine.ir.measurements import Measurement
from engine.schema import Format, SaveOptions
from engine.sources import Facts


class Locality(Enum):
    """Which pixels of its input a node needs for one pixel of its output."""

    POINTWISE = "pointwise"  # the same pixel
    NEIGHBOURHOOD = "neighbourhood"  # those within its halo
    GEOMETRIC = "geometric"  # pixels elsewhere, known in advance
    GLOBAL = "global"  # all of them


class Access(Enum):
    """In which order a node reads its input when its output is read from top to bottom."""

    SEQUENTIAL = "sequential"
    RANDOM = "random"


class Frame(Struct, frozen=True):
    """The shape of an image between two nodes.

    `bands` counts colours (1, 3, or 4 for CMYK), `depth` is in bits. `premultiplied` says
    whether colours are multiplied by alpha. `pages` counts the frames of an animation, which
    all have this shape.
    """

    width: int
    height: int
    bands: int = 3
    alpha: bool = False
    premultiplied: bool = False
    depth: int = 8
    pages: int = 1

    @property
    def size(self) -> Size:
        """Width and height."""
        return Size(self.width, self.height)

    @property
    def bytes(self) -> int:
        """How much memory such an image takes."""
        return self.size.pixels * (self.bands + self.alpha) * (self.depth // 8)

    @property
    def held_bytes(self) -> int:
        """How much memory it takes at most where it is held: there three bytes may lie in four."""
        count = self.bands + self.alpha
        return self.bytes * 4 // 3 if (count, self.depth) == (3, 8) else self.bytes

    def sized(self, width: int, height: int) -> "Frame":
        """The same kind of image at another size."""
        return replace(self, width=width, height=height)

    @property
    def kind(self) -> str:
        """Bands and depth in short, such as ``RGBA`` or ``RGBA*`` when premultiplied."""
        name = {1: "grey", 3: "RGB", 4: "CMYK"}[self.bands]
        deep = "" if self.depth == 8 else str(self.depth)
        return f"{name}{'A' if self.alpha else ''}{'*' if self.premultiplied else ''}{deep}"

    def __str__(self) -> str:
        pages = f"{self.pages} × " if self.pages > 1 else ""
        return f"{pages}{self.size} {self.kind}"


class Node(Struct, frozen=True, tag_field="node", tag=str.lower):
    """One step; the defaults are those of a pointwise node that changes no shape."""

    locality: ClassVar[Locality] = Locality.POINTWISE

    @property
    def access(self) -> Access:
        """Sequential, unless the node says otherwise."""
        return Access.SEQUENTIAL

    @property
    def halo(self) -> int:
        """How many pixels around one it reads, for neighbourhood nodes."""
        return 0

    def frame(self, given: Frame) -> Frame:
        """Return the output frame for an input frame."""
        return given

    @property
    def detail(self) -> str:
        """Its parameters, for people to read."""
        return ""


class QualitySearch(Struct, frozen=True):
    """What a quality is searched for: the least that keeps an SSIM, the most that fits.

    `most_bytes` goes before `least_ssim`. With bytes alone, the quality of the `Save` is the
    first that is tried.
    """

    least_ssim: float | None = None
    most_bytes: int | None = None

    def __str__(self) -> str:
        aims = []
        if self.least_ssim is not None:
            aims.append(f"SSIM at least {self.least_ssim:g}")
        if self.most_bytes is not None:
            aims.append(f"at most {self.most_bytes:,} bytes")
        return f"searched: {', '.join(aims)}"


class Packed(Struct, frozen=True):
    """The kind of pixels that a PNG keeps: grey levels or places in a palette, of so many bits."""

    bits: int = 8
    palette: bool = False

    def __str__(self) -> str:
        kind = "palette" if self.palette else "grey"
        return f"{kind} of {self.bits} bit{'s' if self.bits > 1 else ''} as in the source"


class Save(Struct, frozen=True):
    """How the result is written.

    `quality` is 1 to 100 and matters only where something is lost; it is the highest of those
    that are tried in a `search`. `options` are those of the format; None stands for its defaults.
    `rights` says whether the source's artist and copyright are kept. `packed` is what the pixels
    are written as where that loses nothing, None for RGB. `described` is what is told of the
    result.
    """

    format: Format
    quality: int
    options: SaveOptions | None = None
    rights: bool = False
    search: QualitySearch | None = None
    packed: Packed | None = None
    described: tuple[str, ...] = ()

    def __str__(self) -> str:
        quality = f"{self.quality}" if self.search is None else self._searched
        changed = f", {self.options}" if self.options and str(self.options) else ""
        kept = ", artist and copyright kept" if self.rights else ""
        packed = f", {self.packed}" if self.packed else ""
        told = f", described by {', '.join(self.described)}" if self.described else ""
        return f"{self.format.value} quality {quality}{changed}{packed}{kept}{told}"

    @property
    def _searched(self) -> str:
        most = "" if self.quality == 100 else f"up to {self.quality}, "
        return f"{most}{self.search}"


class Plan(Struct, frozen=True, dict=True):
    """One job: the source's facts, the nodes from decoding on, and how it is saved.

    `needs_pixels` is the index of the transformation that depends on the pixels which these
    nodes make; the rest of the job can be planned once these were measured, for what
    `measurement` says. None if the plan is resolved. An `exact` plan is executed without
    anything that is only near enough.
    """

    facts: Facts
    nodes: tuple[Node, ...]
    save: Save
    needs_pixels: int | None = None
    measurement: Measurement | None = None
    exact: bool = False

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """The frame after each node."""
        return frames_of(self.facts, self.nodes)

    @property
    def frame(self) -> Frame:
        """The frame that is saved."""
        return self.frames[-1] if self.frames else source_frame(self.facts)

    @property
    def measuring_key(self) -> tuple[tuple[Node, ...], Measurement | None]:
        """What is measured of which nodes: once for all plans that have it in common."""
        return self.nodes, self.measurement

    @property
    def tolerant(self) -> bool:
        """Whether what can be read of a damaged source is taken."""
        return any(getattr(node, "tolerant", False) for node in self.nodes[:1])

    def with_nodes(self, nodes: tuple[Node, ...]) -> "Plan":
        """Return the same plan with other nodes; the very same object if they are equal."""
        return self if nodes == self.nodes else replace(self, nodes=nodes)

    def __str__(self) -> str:
        return "\n".join(
            [f"    source        {self.facts}", *lines(self), f"    save          {self.save}"]
        )


def source_frame(facts: Facts) -> Frame:
    """Return the frame of the file itself, the input of the first node."""
    return Frame(facts.width, facts.height, facts.bands, facts.alpha, depth=facts.depth)


def frames_of(facts: Facts, nodes: Iterable[Node]) -> tuple[Frame, ...]:
    """Return the frame after each of some nodes that begin with decoding."""
    frames, frame = [], source_frame(facts)
    for node in nodes:
        frame = node.frame(frame)
        frames.append(frame)
    return tuple(frames)


def lines(plan: Plan) -> list[str]:
    """Write each node on a line: name, detail, output frame, locality and access."""
    rows = [
        (type(node).__name__.lower(), node.detail, str(frame.size), frame.kind, _manner(node))
        for node, frame in zip(plan.nodes, plan.frames, strict=True)
    ]
    wide = max((len(row[1]) for row in rows), default=0)
    return [
        f"{index:>3} {name:<13} {detail:<{wide}}  {size:>11}  {kind:<6} {manner}"
        for index, (name, detail, size, kind, manner) in enumerate(rows)
    ]


def _manner(node: Node) -> str:
    halo = f" {node.halo}" if node.halo else ""
    return f"{node.locality.value}{halo}, {node.access.value}"
