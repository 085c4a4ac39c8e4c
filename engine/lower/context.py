"""The context of lowering, and the function through which every node is lowered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatch
from itertools import zip_longest

from engine.cost import idioms_of
from engine.geometry import Box
from engine.ir import (
    Buffering,
    Crop,
    Frame,
    ImageLayer,
    Node,
    Resample,
    Stage,
    TextLayer,
    source_frame,
    stages,
)
from engine.raster import Raster
from engine.sources import Facts, Source
from engine.vips import Image, Ink, Pixels, as_image, cache_rows, cache_tiles


@dataclass(frozen=True)
class LoweringContext:
    """The source files of a batch, and the layers that its jobs share.

    `inputs` are the watermarks' files by key; `layers` keeps watermarks and text in memory,
    so that each is prepared once a batch. A layer is an image with the position of its corner.
    `suspect` are the layers for which libvips gave warnings that mean damage. What is `exact` is
    done by libvips alone. Scaling in memory may use so many `threads`.
    """

    source: Source
    inputs: Mapping[str, Source] = field(default_factory=dict)
    layers: dict[ImageLayer | TextLayer, Ink | None] = field(default_factory=dict)
    suspect: set[ImageLayer] = field(default_factory=set)
    exact: bool = True
    threads: int = 1

    def with_source(self, source: Source) -> "LoweringContext":
        """Give an exact context for another source with the same inputs and layers."""
        return LoweringContext(source, self.inputs, self.layers, self.suspect)

    def with_threads(self, threads: int) -> "LoweringContext":
        """Give the same context for more threads."""
        return replace(self, threads=threads)

    def of(self, exact: bool) -> "LoweringContext":
        """Give the same context for what is exact, or for what need only be near enough."""
        return replace(self, exact=exact)


@dataclass(frozen=True)
class NodeContext:
    """The context of one node: the source's facts, the node's input frame and output frame.

    `rereadable` says that the image comes from memory, not straight from the source. Of what is
    scaled in memory only a `window` is made.
    """

    lowering: LoweringContext
    facts: Facts
    given: Frame
    frame: Frame
    rereadable: bool = False
    window: Box | None = None


@singledispatch
def lower_node(node: Node, image: Image, context: NodeContext) -> Image:
    """Append one node to a pipeline; decoding is given no image."""
    raise TypeError(f"nothing lowers {type(node).__name__}")


@singledispatch
def raster_node(node: Node, pixels: Pixels | None, context: NodeContext) -> Raster:
    """Do one node at once, in memory; decoding is given no pixels."""
    raise TypeError(f"no raster is made by {type(node).__name__}")


def run(
    nodes: Sequence[Node],
    facts: Facts,
    context: LoweringContext,
    pixels: Pixels | None = None,
    given: Frame | None = None,
    *,
    shared: bool = False,
    converted: bool = True,
) -> Pixels:
    """Lower nodes, to be evaluated once: from decoding on, or from pixels and their frame.

    `shared` says that the result is materialised for several readers, `converted` that what is
    given is sRGB.
    """
    frame, in_memory = given or source_frame(facts), pixels is not None
    choose_raster = idioms_of(nodes, facts, exact=context.exact, shared=shared, converted=converted)
    for stage, window in _windowed(stages(nodes, frame, in_memory, choose_raster)):
        at = NodeContext(context, facts, stage.given, stage.made, stage.rereadable, window)
        if stage.raster:
            pixels = raster_node(stage.node, pixels, at)
        else:
            pixels = lower_node(stage.node, _buffered(pixels, stage), at)
    return pixels


def _windowed(planned: Iterable[Stage]) -> Iterator[tuple[Stage, Box | None]]:
    """Do a scaling in memory and the crop there that follows it as one."""
    every = list(planned)
    window: Box | None = None
    for stage, following in zip_longest(every, every[1:]):
        if window is not None:  # the crop is done
            window = None
            continue
        if stage.raster and isinstance(stage.node, Resample) and following and following.raster:
            window = following.node.box if isinstance(following.node, Crop) else None
        yield stage, window


def _buffered(pixels: Pixels | None, stage: Stage) -> Image:
    """Give what a node of libvips reads, buffered as it needs it."""
    if pixels is None:
        return None
    image = as_image(pixels)
    match stage.buffering:
        case Buffering.MEMORY:
            return image.copy_memory()
        case Buffering.ROWS:
            return cache_rows(image)
        case Buffering.TILES:
            return cache_tiles(image)
    return image
