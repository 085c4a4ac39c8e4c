"""Let turns and mirror images happen late: after crops and scalings, merged into one.

A turn makes its reader jump about in the picture, so the picture must be held. Late, what
is held is small, and everything before it streams. This is also where the orientation of
the file joins the turns that the client asked for.
"""

from msgspec.structs import replace

from engine.geometry import Box, Size
from engine.ir import Frame, Locality, Node, Plan, source_frame
from engine.nodes import Convolve, Crop, Enhance, Mask, Overlay, Resample, SelectiveBlur, Turn

STILL = Turn()


def sink_turns(plan: Plan) -> Plan:
    """Carry each turn down as far as the same pixels come out, bit for bit."""
    given = (source_frame(plan.facts), *plan.frames)
    nodes: list[Node] = []
    carried = STILL
    for node, frame in zip(plan.nodes, given, strict=False):
        if isinstance(node, Turn):
            carried = carried.then(node)
            continue
        before = None if carried == STILL else _before(carried, node, frame)
        if before is None and carried != STILL:
            nodes.append(carried)
            carried = STILL
        nodes.append(before or node)
    return plan.with_nodes((*nodes, carried) if carried != STILL else tuple(nodes))


def _before(turn: Turn, node: Node, given: Frame) -> Node | None:
    """Give what to do before the turn instead of the node after it; None if nothing is."""
    match node:
        case Crop():
            return Crop(unturned(node.box, turn, given.size))
        case Resample():
            shrinks = node.width <= given.width and node.height <= given.height
            return node if shrinks and turn.quarters % 2 == 0 else None
        case Convolve():
            return replace(node, mask=_unturned_mask(node, turn))
        case SelectiveBlur() | Enhance():
            return node
        case Overlay():
            return None
    return node if node.locality is Locality.POINTWISE else None


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
