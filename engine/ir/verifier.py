"""The rules for legal plans, as data; `verify` checks a plan against them."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from engine.errors import IllegalPlan
from engine.geometry import Box, Size
from engine.ir.nodes import (
    Blur,
    Canvas,
    Clamp,
    Convolve,
    Crop,
    Decode,
    Enhance,
    Enlarge,
    Flatten,
    ImageLayer,
    Luma,
    Matrix,
    Orient,
    Overlay,
    Pixelate,
    Premultiply,
    Resample,
    Rotate,
    RoundCorners,
    SelectiveBlur,
    Sharpen,
    Table,
    TextLayer,
    Tint,
    Toned,
    ToSrgb,
    Unpremultiply,
)
from engine.ir.plan import Frame, Node, Plan, source_frame
from engine.sources import TRAITS


class Rule(NamedTuple):
    """A rule for nodes of some types: its text, and the check that a node has to pass.

    `check` is given the node, its input frame and its output frame.
    """

    text: str
    node_types: tuple[type[Node], ...]
    check: Callable[[Any, Frame, Frame], bool]


MIXING = (Resample, Enlarge, Rotate, Blur, Sharpen, Pixelate)
ANY_IMAGE = (Decode, ToSrgb, Orient, Crop)
UNPREMULTIPLIED = (
    Canvas, Table, Luma, Tint, Toned, Premultiply, ToSrgb, Convolve, SelectiveBlur, Enhance,
    Overlay, Matrix, RoundCorners,
)  # fmt: skip


def _tables_fit(node: Table | Tint, given: Frame, made: Frame) -> bool:
    return len(node.tables) == made.bands and all(len(table) == 256 for table in node.tables)


def _tones_fit(node: Toned, given: Frame, made: Frame) -> bool:
    tables = (*node.tables, *node.tints)
    return len(node.tables) == len(node.tints) == 3 and all(len(each) == 256 for each in tables)


def _inside(node: Crop, given: Frame, made: Frame) -> bool:
    return min(made.size) > 0 and node.box.within(given.size) == node.box


def _enlarges(node: Enlarge, given: Frame, made: Frame) -> bool:
    whole = Size(node.width, node.height)
    grows = node.width >= given.width and node.height >= given.height
    return grows and min(made.size) > 0 and node.box.within(whole) == node.box


def _rounds(node: RoundCorners, given: Frame, made: Frame) -> bool:
    diameter = 2 * node.radius
    return diameter % 1 == 0 and 0 < diameter <= min(node.width, node.height)


def _covered(node: Canvas, given: Frame, made: Frame) -> bool:
    box = Box(node.left, node.top, *given.size)
    return box.within(made.size) == box


def _is_legal_layer(node: Overlay, given: Frame, made: Frame) -> bool:
    if isinstance(node.layer, TextLayer):
        return node.layer.size > 0 and len(node.layer.lines) > 0
    return _broken_by_nodes(node.layer) is None and _is_working_image(node.layer.frame)


RULES: tuple[Rule, ...] = (
    Rule("a side is at least 1 pixel", (Node,), lambda n, i, o: min(o.size) >= 1),
    Rule("at least one frame is read", (Decode,), lambda n, i, o: n.pages >= 1),
    Rule("shrink is 1, 2, 4 or 8", (Decode,), lambda n, i, o: n.shrink in {1, 2, 4, 8}),
    Rule("quarters are 0 to 3", (Orient,), lambda n, i, o: n.quarters in range(4)),
    Rule("a crop lies inside its image", (Crop,), _inside),
    Rule("a canvas contains its image", (Canvas,), _covered),
    Rule("tables have 256 entries for each band", (Table, Tint), _tables_fit),
    Rule("tones have three tables and three tints", (Toned,), _tones_fit),
    Rule("toning is of three colours", (Toned,), lambda n, i, o: i.bands == 3),
    Rule("a divisor is at least 1", (Convolve,), lambda n, i, o: n.divisor >= 1),
    Rule(
        "a blur has a sigma and a radius",
        (Blur, Sharpen),
        lambda n, i, o: n.sigma > 0 and n.radius > 0,
    ),
    Rule("a blur shrinks by a power of two", (Blur,), lambda n, i, o: n.shrink.bit_count() == 1),
    Rule("a window lies inside what is enlarged", (Enlarge,), _enlarges),
    Rule("a block has a pixel", (Pixelate,), lambda n, i, o: n.side >= 1),
    Rule("corners are round by half pixels, within their rectangle", (RoundCorners,), _rounds),
    Rule("colours are mixed of three", (Matrix,), lambda n, i, o: i.bands == 3),
    Rule(
        "premultiplied colours are flattened onto an opaque one",
        (Flatten,),
        lambda n, i, o: not n.premultiplied or n.background[3] == 255,
    ),
    Rule("a layer is a legal image", (Overlay,), _is_legal_layer),
    Rule("luma is taken of three colours", (Luma,), lambda n, i, o: i.bands == 3),
    Rule("a tint is given one grey band", (Tint,), lambda n, i, o: i.bands == 1),
    Rule("colours are not premultiplied", UNPREMULTIPLIED, lambda n, i, o: not i.premultiplied),
    Rule(
        "alpha is premultiplied around every resampling",
        MIXING,
        lambda n, i, o: i.premultiplied or not i.alpha,
    ),
    Rule("there is alpha to multiply by", (Premultiply,), lambda n, i, o: i.alpha),
    Rule("there is alpha to divide by", (Unpremultiply, Clamp), lambda n, i, o: i.premultiplied),
    Rule(
        "flattening knows whether colours are premultiplied",
        (Flatten,),
        lambda n, i, o: n.premultiplied == i.premultiplied,
    ),
    Rule("there is alpha to flatten", (Flatten,), lambda n, i, o: i.alpha),
)  # fmt: skip


def verify(plan: Plan) -> Plan:
    """Return the plan back if it is legal; IllegalPlan names the rule and the node."""
    broken = _broken_by_nodes(plan) or (
        _broken_at_save(plan) if plan.needs_pixels is None else None
    )
    if broken is not None:
        raise IllegalPlan(f"{broken}\n{plan}")
    return plan


def _broken_by_nodes(plan: Plan | ImageLayer) -> str | None:
    """Say which rule the nodes break and where; None if they are legal."""
    if not plan.nodes or not isinstance(plan.nodes[0], Decode):
        return "a plan begins with decode"
    given = source_frame(plan.facts)
    for index, node in enumerate(plan.nodes):
        made = node.frame(given)
        if (broken := _broken(index, node, given, made)) is not None:
            return f"node {index} ({type(node).__name__}): {broken}"
        given = made
    return None


def _broken(index: int, node: Node, given: Frame, made: Frame) -> str | None:
    if isinstance(node, Decode) and index > 0:
        return "only the first node decodes"
    if not isinstance(node, ANY_IMAGE) and not _is_srgb(given):
        return "nodes work on 8-bit sRGB"
    broken = (rule.text for rule in _rules_of(type(node)) if not rule.check(node, given, made))
    return next(broken, None)


@cache
def _rules_of(kind: type[Node]) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if issubclass(kind, rule.node_types))


def _is_srgb(frame: Frame) -> bool:
    return frame.bands in {1, 3} and frame.depth == 8


def _is_working_image(frame: Frame) -> bool:
    return frame.bands == 3 and frame.depth == 8 and not frame.premultiplied


def _broken_at_save(plan: Plan) -> str | None:
    frame, traits = plan.frame, TRAITS[plan.save.format]
    if frame.premultiplied:
        return "save: colours are not premultiplied"
    if not _is_srgb(frame):
        return "save: only 8-bit sRGB is saved"
    if frame.alpha and not traits.alpha:
        return f"save: {plan.save.format.value} has no alpha"
    if frame.pages > 1 and not traits.animated:
        return f"save: {plan.save.format.value} has only one frame"
    if max(frame.size) > traits.max_side:
        return f"save: {plan.save.format.value} has at most {traits.max_side} pixels a side"
    return None if 1 <= plan.save.quality <= 100 else "save: quality is 1 to 100"
