"""Orientation transforms among other nodes: which nodes may be moved before them.

Scaling and blurring round to 8 bits in a fixed order, and libvips places the pixels of a
scaled image to 1/64, with ties to one side: so orienting before them differs from orienting
after them by a few levels. Where alpha has hard edges both ways, clipping to 0 and 255 between
rows and columns makes the difference large. All else here is exact.
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
    Orient,
    Overlay,
    Plan,
    Resample,
    SelectiveBlur,
    source_frame,
)

UNCHANGED = Orient()


def push_down(plan: Plan, exact: bool) -> Plan:
    """Move each orientation transform down as far as the result allows, `exact` or nearly so."""
    given = (source_frame(plan.facts), *plan.frames)
    nodes: list[Node] = []
    carried = UNCHANGED
    for node, frame in zip(plan.nodes, given, strict=False):
        if isinstance(node, Orient):
            carried = carried.followed_by(node)
            continue
        before = None if carried == UNCHANGED else _before(carried, node, frame, exact)
        if before is None and carried != UNCHANGED:
            nodes.append(carried)
            carried = UNCHANGED
        nodes.append(before or node)
    return plan.with_nodes((*nodes, carried) if carried != UNCHANGED else tuple(nodes))


def _before(orient: Orient, node: Node, given: Frame, exact: bool) -> Node | None:
    """Give the node that, before the transform, does what `node` does after it; None if none."""
    match node:
        case Crop():
            return Crop(unoriented(node.box, orient, given.size))
        case Resample():
            shrinks = node.width <= given.width and node.height <= given.height
            hard_edged = given.alpha and orient.quarters % 2 == 1
            if exact or hard_edged or not shrinks:
                return None
            return Resample(*orient.frame(node.frame(given)).size)
        case Convolve():
            return replace(node, mask=_unoriented_mask(node, orient))
        case Overlay():
            return None
    commutes = node.locality is Locality.POINTWISE or isinstance(node, SelectiveBlur | Enhance)
    return node if commutes or (isinstance(node, Blur) and not exact) else None


def unoriented(box: Box, orient: Orient, size: Size) -> Box:
    """Translate a window of an oriented image to the image before it was oriented."""
    left, top, width, height = box
    for _ in range(orient.quarters):  # a quarter turn back: what was right is at the top
        left, top, width, height = top, size.width - left - width, height, width
        size = size.transposed
    return Box(size.width - left - width if orient.mirror else left, top, width, height)


def _unoriented_mask(node: Convolve, orient: Orient) -> Mask:
    mask = node.mask
    for _ in range(orient.quarters):
        a, b, c, d, e, f, g, h, i = mask
        mask = (c, f, i, b, e, h, a, d, g)
    a, b, c, d, e, f, g, h, i = mask
    return (c, b, a, f, e, d, i, h, g) if orient.mirror else mask
