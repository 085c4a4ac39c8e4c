"""Turns and mirror images among other nodes: what may be done before them instead of after.

Scaling and blurring round to 8 bits in a fixed order, and libvips places the pixels of a
scaled picture to 1/64, with ties to one side: so a turn before them differs from one after
by a few levels. Where alpha has hard edges both ways, what is cut off at 0 and 255 between rows
and columns makes it many. All else here is exact.
"""

from msgspec.structs import replace

from engine.geometry import Box, Size
from engine.ir import (
    Blur,
    Convolve,
    Crop,
    Enhance,
    Frame,
    Locality,
    Mask,
    Node,
    Overlay,
    Plan,
    Resample,
    SelectiveBlur,
    Turn,
    source_frame,
)

STILL = Turn()


def carried_down(plan: Plan, to_the_letter: bool) -> Plan:
    """Carry each turn down as far as the same picture comes out, `to_the_letter` or nearly."""
    given = (source_frame(plan.facts), *plan.frames)
    nodes: list[Node] = []
    carried = STILL
    for node, frame in zip(plan.nodes, given, strict=False):
        if isinstance(node, Turn):
            carried = carried.then(node)
            continue
        before = None if carried == STILL else _before(carried, node, frame, to_the_letter)
        if before is None and carried != STILL:
            nodes.append(carried)
            carried = STILL
        nodes.append(before or node)
    return plan.with_nodes((*nodes, carried) if carried != STILL else tuple(nodes))


def _before(turn: Turn, node: Node, given: Frame, to_the_letter: bool) -> Node | None:
    """Give what to do before the turn instead of the node after it; None if nothing is."""
    match node:
        case Crop():
            return Crop(unturned(node.box, turn, given.size))
        case Resample():
            shrinks = node.width <= given.width and node.height <= given.height
            hard_edged = given.alpha and turn.quarters % 2 == 1
            if to_the_letter or hard_edged or not shrinks:
                return None
            return Resample(*turn.frame(node.frame(given)).size)
        case Convolve():
            return replace(node, mask=_unturned_mask(node, turn))
        case Overlay():
            return None
    commutes = node.locality is Locality.POINTWISE or isinstance(node, SelectiveBlur | Enhance)
    return node if commutes or (isinstance(node, Blur) and not to_the_letter) else None


def unturned(box: Box, turn: Turn, size: Size) -> Box:
    """Find a window of a turned picture of this size in the picture before the turn."""
    left, top, width, height = box
    for _ in range(turn.quarters):  # a quarter turn back: what was right is at the top
        left, top, width, height = top, size.width - left - width, height, width
        size = size.turned
    return Box(size.width - left - width if turn.mirror else left, top, width, height)


def _unturned_mask(node: Convolve, turn: Turn) -> Mask:
    mask = node.mask
    for _ in range(turn.quarters):
        a, b, c, d, e, f, g, h, i = mask
        mask = (c, f, i, b, e, h, a, d, g)
    a, b, c, d, e, f, g, h, i = mask
    return (c, b, a, f, e, d, i, h, g) if turn.mirror else mask
