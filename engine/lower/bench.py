"""What lowering works with, and the door through which every node is lowered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch

from engine.facts import Facts
from engine.ir import Access, Frame, Locality, Node, source_frame
from engine.nodes import Layer, Letters, Overlay, Resample
from engine.source import Source
from engine.vips import Image, Ink, hold

SMALL = 32 * 1024 * 1024  # bytes


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
    """Where a node stands: the bench, the file's facts, and the frame to come to.

    `rereadable` tells that the image comes from memory, not straight from the source.
    """

    bench: Bench
    facts: Facts
    frame: Frame
    rereadable: bool = False


@singledispatch
def lower_node(node: Node, image: Image, work: Work) -> Image:
    """Append one node to a pipeline; decoding is given no image."""
    raise NotImplementedError(type(node).__name__)


def run(
    nodes: Sequence[Node],
    facts: Facts,
    bench: Bench,
    image: Image = None,
    given: Frame | None = None,
) -> Image:
    """Lower nodes, to be pulled once: from decoding on, or from an image and its frame.

    The source is read in sequence. Before a node that jumps about, what was made so far is
    put into memory, and so is a small picture before something is laid over it. Before a
    node that reads a row more than once, rows that took work are held. The nodes before have
    cut the picture down as far as the plan does.
    """
    frame = given or source_frame(facts)
    in_memory = rereadable = image is not None
    dear = False
    for node in nodes:
        wanted = node.access is Access.RANDOM or (
            isinstance(node, Overlay) and not rereadable and frame.bytes <= SMALL
        )
        if wanted and not in_memory:
            image, dear = image.copy_memory(), False
        elif dear and _reads_again(node):
            image, dear = hold(image), False
        frame = node.frame(frame)
        rereadable = rereadable or wanted
        image = lower_node(node, image, Work(bench, facts, frame, rereadable))
        in_memory = False
        dear = dear or _reads_again(node) or node.access is Access.RANDOM
    return image


def _reads_again(node: Node) -> bool:
    return node.locality is Locality.NEIGHBOURHOOD or isinstance(node, Resample)
