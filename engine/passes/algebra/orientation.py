"""Orientation transforms among other nodes: which nodes may be moved before them.

Scaling and blurring round to 8 bits in a fixed order, and libvips places the pixels of a
scaled image to 1/64, with ties to one side: so orienting before them differs from orienting
after them by a few levels. Where alpha has hard edges both ways, clipping to 0 and 255 between
rows and columns makes the difference large. All else here is exact.
"""

from functools import singledispatch

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
    RoundCorners,
    SelectiveBlur,
    Sharpen,
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
        before = None if carried == UNCHANGED else _before(node, carried, frame, exact)
        if before is None and carried != UNCHANGED:
            nodes.append(carried)
            carried = UNCHANGED
        nodes.append(before or node)
    return plan.with_nodes((*nodes, carried) if carried != UNCHANGED else tuple(nodes))


@singledispatch
def _before(node: Node, orient: Orient, given: Frame, exact: bool) -> Node | None:
    """Return the node that, before the transform, does what `node` does after it; None if none."""
    return node if node.locality is Locality.POINTWISE else None


@_before.register
def _crop(node: Crop, orient: Orient, given: Frame, exact: bool) -> Node | None:
    return Crop(unoriented(node.box, orient, given.size))


@_before.register
def _resample(node: Resample, orient: Orient, given: Frame, exact: bool) -> Node | None:
    shrinks = node.width <= given.width and node.height <= given.height
    hard_edged = given.alpha and orient.quarters % 2 == 1
    if exact or hard_edged or not shrinks:
        return None
    return Resample(*orient.frame(node.frame(given)).size)


@_before.register
def _convolve(node: Convolve, orient: Orient, given: Frame, exact: bool) -> Node | None:
    return replace(node, mask=_unoriented_mask(node, orient))


@_before.register
def _symmetrical(
    node: SelectiveBlur | Enhance, orient: Orient, given: Frame, exact: bool
) -> Node | None:
    return node


@_before.register
def _blur(node: Blur, orient: Orient, given: Frame, exact: bool) -> Node | None:
    return None if exact else node


@_before.register
def _sharpen(node: Sharpen, orient: Orient, given: Frame, exact: bool) -> Node | None:
    """A threshold is a step, which the order of a sum may fall on either side of."""
    return None if exact or node.threshold else node


@_before.register
def _overlay(node: Overlay, orient: Orient, given: Frame, exact: bool) -> Node | None:
    return None


@_before.register
def _round_corners(node: RoundCorners, orient: Orient, given: Frame, exact: bool) -> Node | None:
    """Corners that were cut would have to be told apart."""
    if (node.left, node.top, node.width, node.height) != (0, 0, *given.size):
        return None
    before = orient.frame(given)  # quarter turns back exchange the sides as well
    return replace(node, width=before.width, height=before.height)


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
