"""What lowering works with, and the door through which every node is lowered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch

from engine.ir import Before, Frame, Layer, Letters, Node, source_frame, stages
from engine.sources import Facts, Source
from engine.vips import Image, Ink, hold, hold_tiles


@dataclass(frozen=True)
class Bench:
    """The pictures of a batch, and what was made ready for more than one of its jobs.

    `inputs` are the other pictures by key; `layers` keeps watermarks and text in memory,
    so that each is made once a batch. A layer is an image with the place of its corner.
    """

    source: Source
    inputs: Mapping[str, Source] = field(default_factory=dict)
    layers: dict[Layer | Letters, Ink | None] = field(default_factory=dict)

    def with_source(self, source: Source) -> "Bench":
        """Give a bench that works on another picture with the same tools."""
        return Bench(source, self.inputs, self.layers)


@dataclass(frozen=True)
class Work:
    """Where a node stands: the bench, the file's facts, the frames that it is given and makes.

    `rereadable` tells that the image comes from memory, not straight from the source.
    """

    bench: Bench
    facts: Facts
    given: Frame
    frame: Frame
    rereadable: bool = False


@singledispatch
def lower_node(node: Node, image: Image, work: Work) -> Image:
    """Append one node to a pipeline; decoding is given no image."""
    raise TypeError(f"nothing lowers {type(node).__name__}")


def run(
    nodes: Sequence[Node],
    facts: Facts,
    bench: Bench,
    image: Image = None,
    given: Frame | None = None,
) -> Image:
    """Lower nodes, to be pulled once: from decoding on, or from an image and its frame."""
    for stage in stages(nodes, given or source_frame(facts), in_memory=image is not None):
        if stage.before is Before.MEMORY:
            image = image.copy_memory()
        elif stage.before is Before.ROWS:
            image = hold(image)
        elif stage.before is Before.TILES:
            image = hold_tiles(image)
        work = Work(bench, facts, stage.given, stage.made, stage.rereadable)
        image = lower_node(stage.node, image, work)
    return image
