"""How a run of nodes is carried out: what streams, and where pixels are kept on the way.

This is decided from the nodes alone, so that what is lowered and what is predicted agree.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from engine.ir.nodes import Enhance, Overlay, Resample, Rotate, SelectiveBlur
from engine.ir.plan import Access, Frame, Locality, Node

BRANCHING = (Enhance, SelectiveBlur)
MOST_BRANCHING = 4  # one after the other in a stream; of ten, rows are made again and again
SMALL = 32 * 1024 * 1024  # bytes
PLACES = 64  # in a pixel, that libvips' scaling tells apart
AVERAGED = 16  # times that one scales down, from which on blocks are averaged first


class Before(Enum):
    """What is done with what was made so far, before a node reads it."""

    NOTHING = "nothing"
    ROWS = "rows"  # those around the one being read are kept
    TILES = "tiles"  # the same for what a rotation makes, tile by tile
    MEMORY = "memory"  # all of it is put there


class Stage(NamedTuple):
    """One node on its way: the frame it is given, and the one it makes.

    `rereadable` tells that its picture comes from memory, not straight from the source.
    """

    node: Node
    given: Frame
    made: Frame
    before: Before
    rereadable: bool


def stages(nodes: Iterable[Node], frame: Frame, in_memory: bool = False) -> Iterator[Stage]:
    """Tell the stages of a run, from decoding on or from a picture that is in memory.

    The source is read in sequence. Before a node that jumps about, what was made so far is
    put into memory, and so is a small picture before something is laid over it, and any
    picture in a long row of nodes that branch widely. Before a node that reads a row more
    than once, rows that took work are held, and tiles of what was rotated. The nodes before
    have cut the picture down as far as the plan does.
    """
    rereadable, work, branching = in_memory, Before.NOTHING, 0
    for node in nodes:
        before = Before.NOTHING
        branching += isinstance(node, BRANCHING)
        if _wants_memory(node, frame, rereadable) or branching > MOST_BRANCHING:
            before = Before.NOTHING if in_memory else Before.MEMORY
            rereadable, work, branching = True, Before.NOTHING, int(isinstance(node, BRANCHING))
        elif _reads_again(node) or (work is Before.TILES and isinstance(node, Overlay)):
            before, work = work, Before.NOTHING
        made = node.frame(frame)
        yield Stage(node, frame, made, before, rereadable)
        frame, in_memory = made, False
        if isinstance(node, Rotate):
            work = Before.TILES
        elif _reads_again(node) or node.access is Access.RANDOM:
            work = Before.ROWS


def streams(nodes: Iterable[Node]) -> bool:
    """Tell whether nothing is put into memory on the way, whatever the frames are."""
    return not any(node.access is Access.RANDOM or isinstance(node, Overlay) for node in nodes)


def held_as_rows(given: Frame, made: Frame) -> bool:
    """Tell whether what a scaling makes is held at once, as whole rows.

    libvips finds the place of each pixel by adding up from where a row was begun, and takes
    the nearest of 64 in a pixel. Where one falls between two of these, what is added up
    decides: the picture would depend on which parts of it are asked for. So whole rows are.
    From `AVERAGED` times on blocks are averaged first, and any place may be such a one.
    """
    between = _twos(made.width) == PLACES * _twos(given.width)
    return between or given.width >= AVERAGED * made.width


def _twos(side: int) -> int:
    """Give the largest power of two that divides a side."""
    return side & -side


def _wants_memory(node: Node, frame: Frame, rereadable: bool) -> bool:
    jumps = node.access is Access.RANDOM
    return jumps or (isinstance(node, Overlay) and not rereadable and frame.bytes <= SMALL)


def _reads_again(node: Node) -> bool:
    return node.locality is Locality.NEIGHBOURHOOD or isinstance(node, Resample)
