"""Moves crops towards the source: pixels that a crop discards are not computed, nor even read.

A crop right after decoding ends the reading of a file early, and everything after it sees
fewer pixels. Moved before a neighbourhood node it leaves a margin, trimmed where it stood.
"""

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
    Plan,
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


def _exchanged(node: Node, box: Box, given: Frame) -> list[Node] | None:
    """Give the nodes, a crop first, that do the same as a node and a crop; None if none do."""
    match node:
        case Crop():
            left, top = node.box[:2]
            return [Crop(Box(left + box.left, top + box.top, *box.size))]
        case Overlay():
            moved = replace(node, left=node.left - box.left, top=node.top - box.top)
            return [Crop(box), moved]
        case Canvas():
            return _before_canvas(node, box, given)
        case Node(locality=Locality.POINTWISE):
            return None if isinstance(node, Decode) else [Crop(box), node]
        case Node(locality=Locality.NEIGHBOURHOOD):
            return _before_neighbourhood(node, box, given.size)
    return None


def _before_canvas(node: Canvas, box: Box, given: Frame) -> list[Node] | None:
    """Crop the image on the canvas, then put what is left of it on the cropped canvas."""
    seen = Box(box.left - node.left, box.top - node.top, *box.size).within(given.size)
    if seen is None:
        return None
    left, top = seen.left + node.left - box.left, seen.top + node.top - box.top
    smaller = Canvas(*box.size, left, top, node.colour)
    is_noop = smaller.frame(Crop(seen).frame(given)) == Crop(seen).frame(given)
    return [Crop(seen)] if is_noop else [Crop(seen), smaller]


def _before_neighbourhood(node: Node, box: Box, size: Size) -> list[Node] | None:
    halo = node.halo
    grown = Box(
        box.left - halo, box.top - halo, box.width + 2 * halo, box.height + 2 * halo
    ).within(size)
    if grown is None or grown.size == size:
        return None
    trim = Crop(Box(box.left - grown.left, box.top - grown.top, *box.size))
    return [Crop(grown), node, *([] if trim.box.size == grown.size else [trim])]
