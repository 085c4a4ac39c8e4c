"""The context of lowering, and the function through which every node is lowered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch

from engine.ir import Buffering, Frame, ImageLayer, Node, TextLayer, source_frame, stages
from engine.sources import Facts, Source
from engine.vips import Image, Ink, cache_rows, cache_tiles


@dataclass(frozen=True)
class LoweringContext:
    """The source files of a batch, and the layers that its jobs share.

    `inputs` are the watermarks' files by key; `layers` keeps watermarks and text in memory,
    so that each is prepared once a batch. A layer is an image with the position of its corner.
    `suspect` are the layers for which libvips gave warnings that mean damage.
    """

    source: Source
    inputs: Mapping[str, Source] = field(default_factory=dict)
    layers: dict[ImageLayer | TextLayer, Ink | None] = field(default_factory=dict)
    suspect: set[ImageLayer] = field(default_factory=set)

    def with_source(self, source: Source) -> "LoweringContext":
        """Give a context for another source with the same inputs and layers."""
        return LoweringContext(source, self.inputs, self.layers, self.suspect)


@dataclass(frozen=True)
class NodeContext:
    """The context of one node: the source's facts, the node's input frame and output frame.

    `rereadable` says that the image comes from memory, not straight from the source.
    """

    lowering: LoweringContext
    facts: Facts
    given: Frame
    frame: Frame
    rereadable: bool = False


@singledispatch
def lower_node(node: Node, image: Image, context: NodeContext) -> Image:
    """Append one node to a pipeline; decoding is given no image."""
    raise TypeError(f"nothing lowers {type(node).__name__}")


def run(
    nodes: Sequence[Node],
    facts: Facts,
    context: LoweringContext,
    image: Image = None,
    given: Frame | None = None,
) -> Image:
    """Lower nodes, to be evaluated once: from decoding on, or from an image and its frame."""
    for stage in stages(nodes, given or source_frame(facts), in_memory=image is not None):
        if stage.buffering is Buffering.MEMORY:
            image = image.copy_memory()
        elif stage.buffering is Buffering.ROWS:
            image = cache_rows(image)
        elif stage.buffering is Buffering.TILES:
            image = cache_tiles(image)
        at = NodeContext(context, facts, stage.given, stage.made, stage.rereadable)
        image = lower_node(stage.node, image, at)
    return image
