"""Moves crops towards the source, so that discarded pixels are neither computed nor read.

A crop right after decoding ends the reading of a file early, and everything after it sees
fewer pixels. Moved before a neighbourhood node it leaves a margin, trimmed where it stood.
"""

from functools import singledispatch

from msgspec.structs import replace

from engine.geometry import Box, Size
from engine.ir import (
    Canvas,
    Crop,
    Decode,
    Frame,
    Locality,
    Node,
    Overlay,
    Pixelate,
    Plan,
    RoundCorners,
    frames_of,
    source_frame,
)


def pull_crops(plan: Plan) -> Plan:
    """Move each crop up as far as that saves work; crops that meet become one."""
    nodes: list[Node] = []
    for node in plan.nodes:
        nodes.append(node)
        if isinstance(node, Crop):
            _pull(nodes, plan)
    return plan.with_nodes(tuple(nodes))


def _pull(nodes: list[Node], plan: Plan) -> None:
    """Exchange the crop at the end with the node before it, as often as possible."""
    given = (source_frame(plan.facts), *frames_of(plan.facts, nodes))
    at = len(nodes) - 1
    while at > 0:
        crop = nodes[at]
        assert isinstance(crop, Crop)  # noqa: S101 - _exchanged puts it first
        exchanged = _exchanged(nodes[at - 1], crop.box, given[at - 1])
        if exchanged is None:
            return
        nodes[at - 1 : at + 1] = exchanged
        at -= 1


@singledispatch
def _exchanged(node: Node, box: Box, given: Frame) -> list[Node] | None:
    """Return the nodes, a crop first, that do the same as a node and a crop; None if none do."""
    if node.locality is Locality.POINTWISE:
        return [Crop(box), node]
    if node.locality is Locality.NEIGHBOURHOOD:
        halo = node.halo
        grown = Box(box.left - halo, box.top - halo, box.width + 2 * halo, box.height + 2 * halo)
        return _trimmed(node, box, grown.within(given.size), given.size)
    return None


@_exchanged.register
def _decode(node: Decode, box: Box, given: Frame) -> list[Node] | None:
    return None


@_exchanged.register
def _crop(node: Crop, box: Box, given: Frame) -> list[Node] | None:
    left, top = node.box[:2]
    return [Crop(Box(left + box.left, top + box.top, *box.size))]


@_exchanged.register
def _placed(node: Overlay | RoundCorners, box: Box, given: Frame) -> list[Node] | None:
    return [Crop(box), replace(node, left=node.left - box.left, top=node.top - box.top)]


@_exchanged.register
def _canvas(node: Canvas, box: Box, given: Frame) -> list[Node] | None:
    """Crop the image on the canvas, then put what is left of it on the cropped canvas."""
    seen = Box(box.left - node.left, box.top - node.top, *box.size).within(given.size)
    if seen is None:
        return None
    left, top = seen.left + node.left - box.left, seen.top + node.top - box.top
    smaller = Canvas(*box.size, left, top, node.colour)
    is_noop = smaller.frame(Crop(seen).frame(given)) == Crop(seen).frame(given)
    return [Crop(seen)] if is_noop else [Crop(seen), smaller]


@_exchanged.register
def _pixelate(node: Pixelate, box: Box, given: Frame) -> list[Node] | None:
    return _trimmed(node, box, _whole_blocks(box, node.side).within(given.size), given.size)


def _whole_blocks(box: Box, side: int) -> Box:
    """Grow a window to whole blocks from the top left."""
    left, top = (edge // side * side for edge in box[:2])
    right = -(-(box.left + box.width) // side) * side
    bottom = -(-(box.top + box.height) // side) * side
    return Box(left, top, right - left, bottom - top)


def _trimmed(node: Node, box: Box, grown: Box | None, size: Size) -> list[Node] | None:
    """Crop what a window is made of, do it, and trim it to the window."""
    if grown is None or grown.size == size:
        return None
    trim = Crop(Box(box.left - grown.left, box.top - grown.top, *box.size))
    return [Crop(grown), node, *([] if trim.box.size == grown.size else [trim])]
