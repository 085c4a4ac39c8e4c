"""Decode scales: how far a source may be reduced before a plan's first scaling.

A reduced image is 1/2, 1/4 or 1/8 of the whole, each side rounded down. Scaling it down the
rest of the way gives nearly the image that scaling the whole would give, as long as it has
pixels enough and the rows and columns lost to rounding do not shift the content.
"""

from msgspec.structs import replace

from engine.geometry import Box, Size
from engine.ir import Crop, Decode, Node, Plan, Premultiply, Resample, ToSrgb, source_frame

MIN_RATIO = (5, 4)  # of a side that is scaled down to the side that is wanted
MAX_SHIFT = (1, 16)  # of a pixel of the result
MAX_SHRINK = 8  # that JPEG decoders offer at less than the cost of a whole image
MIN_BOUNDED_PIXELS = 500_000  # below which bounded rewritings gain nothing over exact ones


def large_enough(side: int, wanted: int) -> bool:
    """Return whether a side has pixels enough to be scaled down to the wanted one."""
    return side * MIN_RATIO[1] >= wanted * MIN_RATIO[0]


def first_scaling(plan: Plan) -> int | None:
    """Find the first resampling, if a reduced image may be given to it; None if not."""
    for index, node in enumerate(plan.nodes):
        if isinstance(node, Resample):
            return index
        if not isinstance(node, Decode | ToSrgb | Crop | Premultiply):
            return None
    return None


def max_shrink(plan: Plan) -> int:
    """Return how far the source may be reduced for a plan that decodes it whole: 1, 2, 4 or 8."""
    at = first_scaling(plan)
    if at is None or plan.facts.size.pixels < MIN_BOUNDED_PIXELS:
        return 1
    whole = source_frame(plan.facts).size
    boxes = [node.box for node in plan.nodes[:at] if isinstance(node, Crop)]
    target = plan.frames[at].size
    factor = 1
    while factor < MAX_SHRINK and _reducible(whole, boxes, target, 2 * factor):
        factor *= 2
    return factor


def _reducible(whole: Size, boxes: list[Box], target: Size, factor: int) -> bool:
    if len(boxes) > 1 or any(side % factor for box in boxes for side in box):
        return False
    seen = boxes[0].size if boxes else whole
    return all(
        large_enough(side // factor, wanted) and _stays_in_place(side, wanted, factor)
        for side, wanted in zip(seen, target, strict=True)
    )


def _stays_in_place(side: int, wanted: int, factor: int) -> bool:
    left_out = side % factor
    return left_out * wanted * MAX_SHIFT[1] <= side * MAX_SHIFT[0]


def decoded_at(plan: Plan, factor: int) -> Plan:
    """Return the plan with its source decoded at another scale, crops and all."""
    decode = plan.nodes[0]
    assert isinstance(decode, Decode)  # noqa: S101 - verified
    if decode.shrink == factor:
        return plan
    at = first_scaling(plan)
    before = tuple(_rescaled(node, decode.shrink, factor) for node in plan.nodes[:at])
    return plan.with_nodes(before + plan.nodes[len(before) :])


def _rescaled(node: Node, before: int, after: int) -> Node:
    match node:
        case Decode():
            return replace(node, shrink=after)
        case Crop():
            return Crop(Box(*(side * before // after for side in node.box)))
    return node
