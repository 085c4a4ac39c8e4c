"""Bytes while a run of nodes is followed: what is in memory, and the rows that are under way.

What is in memory are whole pictures: those put there before nodes that jump about, layers,
what coders keep, the file that comes out. Rows are under way in every stage of the stream
between two of them; they grow with the picture's width, not with its height.

The rows are counted for pictures of three or four bands, as measured with libvips 8.18 on one
thread. `docs/decisions/0113` tells how.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import singledispatch
from typing import NamedTuple

from engine.cost.codec_memory import decoder
from engine.ir import (
    AVERAGED,
    Before,
    Blur,
    Convolve,
    Decode,
    Enhance,
    Frame,
    Layer,
    Letters,
    Node,
    Overlay,
    Premultiply,
    Resample,
    Rotate,
    SelectiveBlur,
    Stage,
    ToSrgb,
    Unpremultiply,
    held_as_rows,
    source_frame,
    stages,
)
from engine.limits import LARGEST_KEPT_BUFFER
from engine.sources import Facts

# Bytes that are taken the first time, whatever the size:
FONTS = 13_500_000  # by text
PROFILES = 3_500_000  # by a conversion through an ICC profile
BLURRING, BLURRING_ALPHA = 2_000_000, 2_000_000  # by a blur, and more with alpha
BLENDING = 1_500_000  # by a layer
TURNING = 4_500_000  # by the tiles that a rotation begins with

# Rows that are kept, of a picture that has as many as it takes:
READ, WRITTEN = 600, 550  # by a decoder and an encoder with their neighbours
TALL = 300  # rows of a picture from which on these keep so many
HELD_ROWS, HELD_TILES = 600, 900  # by what holds rows or tiles
FULL = 16  # rows of a picture from which on these, and all nodes, keep so many
ENLARGED = 1_000  # by a greatly blurred picture while it is enlarged

# Scaling down asks for many rows at once, the more the further it scales:
ASKED, ASKED_DEEP, ASKED_ALPHA = 150, 420, 560  # rows a time, with 16 bits or alpha before it
FREELY = 2.5  # times that one may scale down without asking for more
AS_IF = 3  # times, where so many that blocks are averaged first

CMYK = 4  # bands


class Run(NamedTuple):
    """What a run takes: bytes at their most, pixels made and decoded, decode passes."""

    peak: int
    touched: int = 0
    decoded: int = 0
    passes: int = 0


def follow(
    nodes: Iterable[Node],
    facts: Facts,
    ending: int,
    given: Frame | None = None,
    ready: dict[Layer | Letters, int] | None = None,
) -> Run:
    """Predict what a run of nodes takes: from decoding on, or from a picture in memory.

    `ending` are the bytes that come to be at its end: a picture in memory or a file with all
    that its encoder keeps. `given` is the frame of the picture that is in memory already,
    whose own bytes are not counted. `ready` are the layers that were made before, to which
    those of this run are added.
    """
    frame = given or source_frame(facts)
    ready = {} if ready is None else ready
    ledger = _Ledger(facts)
    touched = decoded = passes = 0
    for stage in stages(nodes, frame, in_memory=given is not None):
        if isinstance(stage.node, Overlay) and stage.node.layer not in ready:
            touched += ledger.make_ready(stage.node.layer)
            ready[stage.node.layer] = layer_bytes(stage.node.layer)
        ledger.enter(stage)
        touched += stage.made.size.pixels * stage.made.pages
        if isinstance(stage.node, Decode):
            decoded, passes = touched, passes + 1
        frame = stage.made
    ledger.finish(frame, ending)
    return Run(ledger.peak, touched, decoded, passes)


@dataclass
class _Ledger:
    """Bytes while a run is followed.

    `kept`: to its end. `read`: the picture in memory that the stream begins at. `let_go`: the
    one before that. `under_way`: rows of the stream so far. `asked`: how many more of them it
    takes when many are asked for at once. `begun`: what a kind of
    node took the first time. `peak`: the most at once.
    """

    facts: Facts
    kept: int = 0
    read: int = 0
    let_go: int = 0
    under_way: int = 0
    asked: int = 0
    begun: dict[type, int] = field(default_factory=dict)
    peak: int = 0

    def make_ready(self, layer: Layer | Letters) -> int:
        """Take in a layer that is made on the way; gives the pixels that this touches."""
        size = layer_bytes(layer)
        if isinstance(layer, Letters):
            made = Run(2 * size, layer.width * layer.height)
            self.begun[Letters] = FONTS
        else:
            made = follow(layer.nodes, layer.facts, size)
        self._reach(made.peak)
        self.kept += size * 3 // 2  # it is copied, and the gap is not filled
        return made.touched

    def enter(self, stage: Stage) -> None:
        """Take a node in."""
        if stage.before is Before.MEMORY:
            self._put_into_memory(stage.given)
        elif stage.before is not Before.NOTHING:
            held = HELD_ROWS if stage.before is Before.ROWS else HELD_TILES
            self.under_way += _rows(stage.given, held)
            self.asked = ASKED
        match stage.node:
            case Decode(pages=pages):
                self.under_way += decoder(self.facts, pages).most + rows_read(stage.made)
                self.asked = ASKED
            case ToSrgb(profile=profile):
                self.begun[ToSrgb] = PROFILES * (profile or self.facts.bands == CMYK)
                self.asked += ASKED_DEEP * (self.facts.depth > 8)
            case Premultiply():
                self.asked += ASKED_ALPHA
            case Resample():
                self.under_way += _rows(stage.given, round(_beyond(stage) * self.asked), TALL)
            case Rotate():
                self.begun[Rotate] = TURNING
            case Overlay():
                self.begun[Overlay] = BLENDING
            case Blur():
                self.begun[Blur] = BLURRING + BLURRING_ALPHA * stage.given.alpha
        self.under_way += rows_under_way(stage.node, stage)
        if isinstance(stage.node, Blur) and stage.node.shrink > 1:
            self._put_into_memory(_shrunk(stage.given, stage.node.shrink))
            self.under_way += _rows(stage.made, ENLARGED)

    def finish(self, frame: Frame, ending: int) -> None:
        """Come to the end."""
        self._reach(rows_written(frame) + ending)

    def _put_into_memory(self, frame: Frame) -> None:
        self.finish(frame, frame.bytes)
        self.let_go = self.read if self.read < LARGEST_KEPT_BUFFER else 0  # which leaves a gap
        self.read, self.under_way, self.asked = frame.bytes, 0, 0

    def _reach(self, more: int) -> None:
        now = self.kept + sum(self.begun.values()) + self.let_go + self.read + self.under_way + more
        self.peak = max(self.peak, now)


def _beyond(stage: Stage) -> float:
    """Tell by how many times more than `FREELY` a picture is scaled down, row by row."""
    times = stage.given.height / stage.made.height
    return AS_IF if times >= AVERAGED else max(0, times - FREELY)


def rows_read(frame: Frame) -> int:
    """Give the bytes of the rows that are kept where a picture is decoded."""
    return _rows(frame, READ, TALL)


def rows_written(frame: Frame) -> int:
    """Give the bytes of the rows that are kept where a picture is encoded."""
    return _rows(frame, WRITTEN, TALL)


def _rows(frame: Frame, count: int, full: int = FULL) -> int:
    """Give the bytes of so many rows; pictures of less than `full` rows keep a share of them."""
    return frame.bytes * count * min(frame.height, full) // (frame.height * full)


def _shrunk(frame: Frame, factor: int) -> Frame:
    """Give the frame that a great blur works on, as it is first put into memory."""
    return frame.sized(-(-frame.width // factor), frame.height)


@singledispatch
def rows_under_way(node: Node, stage: Stage) -> int:
    """Predict the bytes of the rows that a node keeps while it streams."""
    return _rows(stage.made, 80)


@rows_under_way.register
def _(node: Resample, stage: Stage) -> int:
    held = HELD_ROWS if held_as_rows(stage.given, stage.made) else 0
    return _rows(stage.given, 1_250) + _rows(stage.made, 300 + held)


@rows_under_way.register
def _(node: Premultiply | Unpremultiply, stage: Stage) -> int:
    return _rows(stage.made, 350)


@rows_under_way.register
def _(node: Convolve, stage: Stage) -> int:
    return _rows(stage.made, 950 if stage.made.alpha else 300)


@rows_under_way.register
def _(node: Blur, stage: Stage) -> int:
    return _rows(stage.made, 900 if node.shrink > 1 else 400)


@rows_under_way.register
def _(node: SelectiveBlur, stage: Stage) -> int:
    return _rows(stage.made, 5_500)


@rows_under_way.register
def _(node: Enhance, stage: Stage) -> int:
    return _rows(stage.made, 28_000)


@rows_under_way.register
def _(node: Overlay, stage: Stage) -> int:
    if not stage.made.alpha:
        return _rows(stage.made, 300)
    if not stage.rereadable:
        return _rows(stage.made, 900)
    return min(_rows(stage.made, 200) + 8 * layer_bytes(node.layer), _rows(stage.made, 560))


def layer_bytes(layer: Layer | Letters) -> int:
    """Give the bytes of a layer that is ready, RGBA at most."""
    if isinstance(layer, Letters):
        return 4 * layer.width * layer.height
    return layer.frame.bytes
