"""How far a picture may be reduced before its first scaling, and plans at reduced scales.

A reduced picture is 1/2, 1/4 or 1/8 of the whole, each side rounded down. Scaling it down
to the end gives nearly the picture that scaling the whole would give, as long as it has ample
pixels and what the rounding leaves out does not shift what is seen.
"""

from engine.geometry import Box, Size
from engine.ir import Crop, Decode, Node, Plan, Premultiply, Resample, ToSrgb, source_frame

AMPLE = (5, 4)  # a side that is scaled down, to the side that is wanted
MOST_SHIFT = (1, 16)  # of a pixel of what is wanted
DEEPEST = 8  # of what JPEG decoders make for less than a whole picture
WORTH = 500_000  # pixels, below which nothing is gained by being less than exact


def ample(side: int, wanted: int) -> bool:
    """Tell whether a side has pixels enough for scaling it to the one that is wanted."""
    return side * AMPLE[1] >= wanted * AMPLE[0]


def first_scaling(plan: Plan) -> int | None:
    """Find the first resampling, if a reduced picture may stand before it; None if not."""
    for index, node in enumerate(plan.nodes):
        if isinstance(node, Resample):
            return index
        if not isinstance(node, Decode | ToSrgb | Crop | Premultiply):
            return None
    return None


def deepest(plan: Plan) -> int:
    """Tell how far the source may be reduced for a plan that decodes it whole: 1, 2, 4 or 8."""
    at = first_scaling(plan)
    if at is None or plan.facts.size.pixels < WORTH:
        return 1
    whole = source_frame(plan.facts).size
    boxes = [node.box for node in plan.nodes[:at] if isinstance(node, Crop)]
    goal = plan.frames[at].size
    factor = 1
    while factor < DEEPEST and _reducible(whole, boxes, goal, 2 * factor):
        factor *= 2
    return factor


def _reducible(whole: Size, boxes: list[Box], goal: Size, factor: int) -> bool:
    if len(boxes) > 1 or any(side % factor for box in boxes for side in box):
        return False
    seen = boxes[0].size if boxes else whole
    return all(
        ample(side // factor, wanted) and _steady(side, wanted, factor)
        for side, wanted in zip(seen, goal, strict=True)
    )


def _steady(side: int, wanted: int, factor: int) -> bool:
    left_out = side % factor
    return left_out * wanted * MOST_SHIFT[1] <= side * MOST_SHIFT[0]


def decoded_at(plan: Plan, factor: int) -> Plan:
    """Give the plan with its source decoded at another scale, crops and all."""
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
            return Decode(after, node.pages)
        case Crop():
            return Crop(Box(*(side * before // after for side in node.box)))
    return node
