"""Schedules a run of nodes: what streams, and where pixels are buffered.

This is decided from the nodes alone, so that lowering and the cost model agree.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from engine.ir.nodes import Enhance, Enlarge, Overlay, Pixelate, Resample, Rotate, SelectiveBlur
from engine.ir.plan import Access, Frame, Locality, Node

BRANCHING = (Enhance, SelectiveBlur)
MAX_BRANCHING = 4  # one after the other in a stream; of ten, rows are computed many times over
SMALL_IMAGE = 32 * 1024 * 1024  # bytes
SUBPIXELS = 64  # positions in a pixel that libvips' scaling distinguishes
BLOCK_AVERAGED = 16  # factor of downscaling from which on blocks are averaged first


class Buffering(Enum):
    """How the image made so far is buffered before a node reads it."""

    NOTHING = "nothing"
    ROWS = "rows"  # those around the one being read are cached
    TILES = "tiles"  # the same for the output of a rotation, tile by tile
    MEMORY = "memory"  # all of it is materialised


class Stage(NamedTuple):
    """One scheduled node: its input frame, its output frame, and how its input is buffered.

    `rereadable` says that its input comes from memory, not straight from the source, `raster`
    that it is done at once, on pixels in memory, and leaves such.
    """

    node: Node
    given: Frame
    made: Frame
    buffering: Buffering
    rereadable: bool
    raster: bool = False


# Tells for a node, the frames that it is given and makes, and whether what it is given is in
# memory, whether it is done there at once.
IdiomChoice = Callable[[Node, Frame, Frame, bool], bool]


def all_streamed(node: Node, given: Frame, made: Frame, in_memory: bool) -> bool:
    """Choose libvips for every node."""
    return False


def stages(
    nodes: Iterable[Node],
    frame: Frame,
    in_memory: bool = False,
    choose_raster: IdiomChoice = all_streamed,
) -> Iterator[Stage]:
    """Yield the stages of a run, from decoding on or from an image that is in memory.

    The source is read in sequence. Before a node with random access the image made so far is
    materialised, and so is a small image before something is drawn over it, and any image in a
    long row of nodes that branch widely. Before a node that reads a row more than once, rows
    that were expensive to compute are cached, and tiles of what was rotated. By then the plan
    has cropped and scaled the image down as far as it can.
    """
    rereadable, pending, branching = in_memory, Buffering.NOTHING, 0
    for node in nodes:
        made = node.frame(frame)
        if choose_raster(node, frame, made, in_memory):
            yield Stage(node, frame, made, Buffering.NOTHING, True, raster=True)
            rereadable, pending, branching = True, Buffering.NOTHING, 0
            frame, in_memory = made, True
            continue
        buffering = Buffering.NOTHING
        branching += isinstance(node, BRANCHING)
        if _needs_memory(node, frame, rereadable) or branching > MAX_BRANCHING:
            buffering = Buffering.NOTHING if in_memory else Buffering.MEMORY
            rereadable, pending, branching = (
                True,
                Buffering.NOTHING,
                int(isinstance(node, BRANCHING)),
            )
        elif _reads_again(node) or (pending is Buffering.TILES and isinstance(node, Overlay)):
            buffering, pending = pending, Buffering.NOTHING
        yield Stage(node, frame, made, buffering, rereadable)
        frame, in_memory = made, False
        if isinstance(node, Rotate):
            pending = Buffering.TILES
        elif _reads_again(node) or node.access is Access.RANDOM:
            pending = Buffering.ROWS


def streams(nodes: Iterable[Node]) -> bool:
    """Return whether nothing is materialised on the way, whatever the frames are."""
    return not any(node.access is Access.RANDOM or isinstance(node, Overlay) for node in nodes)


def needs_row_cache(given: Frame, made: Frame) -> bool:
    """Return whether the output of a scaling has to be cached as whole rows.

    libvips finds the position of each pixel by adding up from where a row was begun, and rounds
    it to a 64th of a pixel. Where one falls between two of these, the accumulated error
    decides: the pixels would depend on which parts of the image are requested. So whole rows
    are. From a factor of `BLOCK_AVERAGED` on blocks are averaged first, and any position may be
    such a one.
    """
    between = _twos(made.width) == SUBPIXELS * _twos(given.width)
    return between or given.width >= BLOCK_AVERAGED * made.width


def _twos(side: int) -> int:
    """Return the largest power of two that divides a side."""
    return side & -side


def _needs_memory(node: Node, frame: Frame, rereadable: bool) -> bool:
    random = node.access is Access.RANDOM
    return random or (isinstance(node, Overlay) and not rereadable and frame.bytes <= SMALL_IMAGE)


def _reads_again(node: Node) -> bool:
    scales = isinstance(node, Resample | Enlarge | Pixelate)
    return scales or node.locality is Locality.NEIGHBOURHOOD
