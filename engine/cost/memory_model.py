"""Models the memory of a run of nodes: whole images and buffered rows.

Whole images are those materialised before nodes with random access, layers, what codecs keep,
and the file that is written. Rows are buffered in every stage of the stream between two of
them; they grow with the image's width, not with its height.

The rows are counted for images of three or four bands, as measured with libvips 8.18 on one
thread; see `docs/decisions/0113`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import NamedTuple

from engine.cost.codec_memory import decoder
from engine.cost.idioms import idioms_of
from engine.ir import (
    BLOCK_AVERAGED,
    Blur,
    Buffering,
    Convolve,
    Decode,
    Enhance,
    Enlarge,
    Flatten,
    Frame,
    ImageLayer,
    Node,
    Overlay,
    Pixelate,
    Premultiply,
    Resample,
    Rotate,
    RoundCorners,
    SelectiveBlur,
    Sharpen,
    Stage,
    TextLayer,
    ToSrgb,
    Unpremultiply,
    needs_row_cache,
    source_frame,
    stages,
)
from engine.limits import LARGEST_KEPT_BUFFER
from engine.schema import Blend
from engine.sources import Facts

# Bytes that are needed the first time, whatever the size:
FONTS = 13_500_000  # by text
PROFILES = 3_900_000  # by a conversion through an ICC profile
PROFILE_COPIES = 3  # of a profile, by PNG and AVIF; fewer by others
BLURRING, BLURRING_ALPHA = 2_000_000, 2_000_000  # by a blur, and more with alpha
PAINTING = 3_000_000  # by a box, a stroke or a rotation of text
PREPARING = 1_500_000  # by the image of a layer
BLENDING = 1_500_000  # by a layer, and by a translucent ground
MIXING, TILING = 8_000_000, 2_000_000  # by a blend mode, and by tiles
BLENDING_RASTER = 6_000_000  # by a layer on a raster
SHARPENING, SHARPENING_ALPHA, THRESHOLD = 3_000_000, 3_000_000, 4_000_000  # by a sharpening
BLOCKS, BLOCKS_ALPHA = 3_500_000, 2_000_000  # by averaging blocks, and more with alpha
ROUNDING = 3_000_000  # by round corners
ROTATING = 7_000_000  # by the tiles that a rotation begins with

# Rows that are buffered, of an image that has at least so many:
READ, WRITTEN = 600, 550  # by a decoder and an encoder with their neighbours
TALL = 300  # rows of an image from which on these buffer so many
CACHED_ROWS, CACHED_TILES = 600, 900  # by a cache of rows or of tiles
FULL = 16  # rows of an image from which on these, and all nodes, buffer so many
ENLARGED = 1_000  # by a reduced blurred image while it is enlarged

# Scaling down requests many rows at once, the more the further it scales:
REQUESTED, REQUESTED_DEEP, REQUESTED_ALPHA = 150, 420, 560  # rows; with 16 bits, with alpha
FREE_FACTOR = 2.5  # up to which downscaling requests no more rows
AVERAGED_FACTOR = 3  # counted where blocks are averaged first

CMYK = 4  # bands


class Run(NamedTuple):
    """The cost of a run: peak bytes, pixels made and decoded, decode passes."""

    peak: int
    touched: int = 0
    decoded: int = 0
    passes: int = 0


def predict_run(
    nodes: Sequence[Node],
    facts: Facts,
    result: int,
    given: Frame | None = None,
    layers: dict[ImageLayer | TextLayer, int] | None = None,
    *,
    exact: bool = True,
    shared: bool = False,
    converted: bool = True,
) -> Run:
    """Predict the cost of a run of nodes: from decoding on, or from an image in memory.

    `result` are the bytes of its output: an image in memory, or a file with all that its
    encoder keeps. `given` is the frame of the image that is in memory already, whose own bytes
    are not counted. `layers` are those prepared before, to which those of this run are added.
    What is `exact` is done by libvips alone; `shared` says that the output has several readers,
    `converted` that what is given is sRGB.
    """
    frame = given or source_frame(facts)
    layers = {} if layers is None else layers
    model = _MemoryModel(facts)
    touched = decoded = passes = 0
    choose_raster = idioms_of(nodes, facts, exact=exact, shared=shared, converted=converted)
    for stage in stages(nodes, frame, given is not None, choose_raster):
        if isinstance(stage.node, Overlay) and stage.node.layer not in layers:
            touched += model.prepare(stage.node.layer)
            layers[stage.node.layer] = layer_bytes(stage.node.layer)
        model.enter(stage)
        touched += stage.made.size.pixels * stage.made.pages
        if isinstance(stage.node, Decode):
            decoded, passes = touched, passes + 1
        frame = stage.made
    model.finish(frame, result)
    return Run(model.peak, touched, decoded, passes)


@dataclass
class _MemoryModel:
    """The bytes in use while a run is simulated.

    `kept`: until its end. `read`: the image in memory that the stream begins at. `released`:
    the one before that. `buffered`: rows of the stream so far. `requested`: how many more rows
    are buffered when many are requested at once. `startup`: what each type of node needed the
    first time. `peak`: the most at once.
    """

    facts: Facts
    kept: int = 0
    read: int = 0
    released: int = 0
    buffered: int = 0
    requested: int = 0
    startup: dict[type, int] = field(default_factory=dict)
    peak: int = 0

    def prepare(self, layer: ImageLayer | TextLayer) -> int:
        """Add a layer that is prepared on the way; returns the pixels that this touches."""
        size = layer_bytes(layer)
        if isinstance(layer, TextLayer):
            made = Run(2 * size, layer.drawn.pixels)
            painted = layer.ground[3] > 0 or layer.stroke_width > 0 or layer.degrees > 0
            self.startup[TextLayer] = FONTS + PAINTING * painted
        else:
            made = predict_run(layer.nodes, layer.facts, size)
            self.startup[ImageLayer] = PREPARING
        self._raise_peak(made.peak)
        self.kept += size * 3 // 2  # it is copied, and the gap stays unused
        return made.touched

    def enter(self, stage: Stage) -> None:
        """Add a node."""
        if stage.raster:
            self._enter_raster(stage)
            return
        if stage.buffering is Buffering.MEMORY:
            self._materialise(stage.given)
        elif stage.buffering is not Buffering.NOTHING:
            cached = CACHED_ROWS if stage.buffering is Buffering.ROWS else CACHED_TILES
            self.buffered += _rows(stage.given, cached)
            self.requested = REQUESTED
        if isinstance(stage.node, ToSrgb):
            self.startup[ToSrgb] = PROFILES * (stage.node.profile or self.facts.bands == CMYK)
        elif more := startup_bytes(stage.node, stage):
            self.startup[type(stage.node)] = more
        match stage.node:
            case Decode(pages=pages):
                self.kept += PROFILE_COPIES * self.facts.profile_bytes
                self.buffered += decoder(self.facts, pages).most + rows_read(stage.made)
                self.requested = REQUESTED
            case ToSrgb():
                self.requested += REQUESTED_DEEP * (self.facts.depth > 8)
            case Premultiply():
                self.requested += REQUESTED_ALPHA
            case Resample():
                self.buffered += _rows(stage.given, round(_excess(stage) * self.requested), TALL)
        self.buffered += rows_buffered(stage.node, stage)
        if isinstance(stage.node, Blur) and stage.node.shrink > 1:
            self._materialise(_shrunk(stage.given, stage.node.shrink))
            self.buffered += _rows(stage.made, ENLARGED)

    def _enter_raster(self, stage: Stage) -> None:
        """Add a node that is done at once, after which nothing is left but what it made.

        What is scaled is first scaled in its height; what a layer covers is there before and after.
        """
        if self.buffered:
            self._materialise(stage.given)
        given, made = stage.given, stage.made
        copied = given.held_bytes if isinstance(stage.node, Resample) else 0
        if isinstance(stage.node, Overlay):
            more = BLENDING_RASTER + startup_bytes(stage.node, stage)
            self.startup[Overlay] = max(more, self.startup.get(Overlay, 0))
            copied = max(0, 2 * covered_bytes(stage.node, made) - made.bytes)
        if not isinstance(stage.node, ToSrgb):
            self._raise_peak(copied + 2 * made.held_bytes)
        self.read, self.buffered, self.requested = made.held_bytes, 0, 0

    def finish(self, frame: Frame, result: int) -> None:
        """Add the output."""
        self._raise_peak(rows_written(frame) + result)

    def _materialise(self, frame: Frame) -> None:
        self.finish(frame, frame.bytes)
        self.released = self.read if self.read < LARGEST_KEPT_BUFFER else 0  # which leaves a gap
        self.read, self.buffered, self.requested = frame.bytes, 0, 0

    def _raise_peak(self, more: int) -> None:
        now = (
            self.kept
            + sum(self.startup.values())
            + self.released
            + self.read
            + self.buffered
            + more
        )
        self.peak = max(self.peak, now)


def _excess(stage: Stage) -> float:
    """Return how far an image is scaled down beyond `FREE_FACTOR`, row by row."""
    factor = stage.given.height / stage.made.height
    return AVERAGED_FACTOR if factor >= BLOCK_AVERAGED else max(0, factor - FREE_FACTOR)


def rows_read(frame: Frame) -> int:
    """Return the bytes of the rows that are buffered where an image is decoded."""
    return _rows(frame, READ, TALL)


def rows_written(frame: Frame) -> int:
    """Return the bytes of the rows that are buffered where an image is encoded."""
    return _rows(frame, WRITTEN, TALL)


def _rows(frame: Frame, count: int, full: int = FULL) -> int:
    """Return the bytes of so many rows; images of less than `full` rows buffer a share."""
    return frame.bytes * count * min(frame.height, full) // (frame.height * full)


def _shrunk(frame: Frame, factor: int) -> Frame:
    """Return the frame that a wide blur works on, as it is first materialised."""
    return frame.sized(-(-frame.width // factor), frame.height)


@singledispatch
def startup_bytes(node: Node, stage: Stage) -> int:
    """Predict the bytes that a type of node needs the first time, whatever the size is."""
    return 0


@startup_bytes.register
def _(node: Rotate, stage: Stage) -> int:
    return ROTATING


@startup_bytes.register
def _(node: Overlay, stage: Stage) -> int:
    mixing = MIXING + _rows(stage.made, 1_200) if node.blend is not Blend.OVER else 0
    return BLENDING + mixing + TILING * (node.step is not None)


@startup_bytes.register
def _(node: Flatten, stage: Stage) -> int:
    return BLENDING * stage.made.alpha


@startup_bytes.register
def _(node: Blur, stage: Stage) -> int:
    return BLURRING + BLURRING_ALPHA * stage.given.alpha


@startup_bytes.register
def _(node: Sharpen, stage: Stage) -> int:
    return SHARPENING + SHARPENING_ALPHA * stage.given.alpha + THRESHOLD * (node.threshold > 0)


@startup_bytes.register
def _(node: Pixelate, stage: Stage) -> int:
    return BLOCKS + BLOCKS_ALPHA * stage.given.alpha


@startup_bytes.register
def _(node: RoundCorners, stage: Stage) -> int:
    return ROUNDING


@singledispatch
def rows_buffered(node: Node, stage: Stage) -> int:
    """Predict the bytes of the rows that a node buffers while it streams."""
    return _rows(stage.made, 80)


@rows_buffered.register
def _(node: Resample, stage: Stage) -> int:
    cached = CACHED_ROWS if needs_row_cache(stage.given, stage.made) else 0
    return _rows(stage.given, 1_250) + _rows(stage.made, 300 + cached)


@rows_buffered.register
def _(node: Premultiply | Unpremultiply, stage: Stage) -> int:
    return _rows(stage.made, 350)


@rows_buffered.register
def _(node: Convolve, stage: Stage) -> int:
    return _rows(stage.made, 950 if stage.made.alpha else 300)


@rows_buffered.register
def _(node: Blur, stage: Stage) -> int:
    return _rows(stage.made, 900 if node.shrink > 1 else 400)


@rows_buffered.register
def _(node: Sharpen, stage: Stage) -> int:
    return _rows(stage.made, 700)


@rows_buffered.register
def _(node: Pixelate, stage: Stage) -> int:
    """Blocks are averaged in floats, the more of them the smaller they are."""
    return _rows(stage.made, 400 + 8_000 // node.side)


@rows_buffered.register
def _(node: Enlarge, stage: Stage) -> int:
    return _rows(stage.given, 150) + _rows(stage.made, 300)


@rows_buffered.register
def _(node: SelectiveBlur, stage: Stage) -> int:
    return _rows(stage.made, 5_500)


@rows_buffered.register
def _(node: Enhance, stage: Stage) -> int:
    return _rows(stage.made, 28_000)


@rows_buffered.register
def _(node: Overlay, stage: Stage) -> int:
    if not stage.made.alpha:
        return _rows(stage.made, 300)
    if not stage.rereadable:
        return _rows(stage.made, 900)
    layer = 8 * covered_bytes(node, stage.made)
    return min(_rows(stage.made, 200) + layer, _rows(stage.made, 560))


def covered_bytes(node: Overlay, frame: Frame) -> int:
    """Return about the bytes of an image that a layer lies on."""
    covered = layer_bytes(node.layer) if node.step is None else frame.bytes
    return min(covered, frame.bytes)


def layer_bytes(layer: ImageLayer | TextLayer) -> int:
    """Return the bytes of a prepared layer, RGBA at most."""
    if isinstance(layer, TextLayer):
        return 4 * layer.drawn.pixels
    return layer.frame.bytes
