"""Flattens while colours are still premultiplied.

``colour · alpha + background · (1 − alpha)`` needs no division when the product is at hand. And
an image that is rotated by any angle and then flattened is rotated on that colour instead: it
never gets an alpha band. Small images stay exact: it is their edges that differ.
"""

from msgspec.structs import replace

from engine.geometry import rnd
from engine.ir import RGBA, Flatten, Node, Plan, Rotate, Unpremultiply
from engine.passes.algebra import MIN_BOUNDED_PIXELS


def flatten_early(plan: Plan) -> Plan:
    """Drop the division before flattening, and alpha where only a rotation added it."""
    nodes: list[Node] = []
    for index, node in enumerate(plan.nodes):
        large = plan.frames[index].size.pixels >= MIN_BOUNDED_PIXELS
        if large and isinstance(node, Flatten) and _can_be_early(node, nodes[-1]):
            nodes.pop()
            rotate = nodes[-1]
            if isinstance(rotate, Rotate) and not plan.frames[index - 3].alpha:
                nodes[-1] = replace(rotate, fill=_over(rotate.fill, node.background))
            else:
                nodes.append(replace(node, premultiplied=True))
        else:
            nodes.append(node)
    return plan.with_nodes(tuple(nodes))


def _can_be_early(node: Flatten, before: Node) -> bool:
    return node.background[3] == 255 and isinstance(before, Unpremultiply)


def _over(fill: RGBA, background: RGBA) -> RGBA:
    """Lay a fill on an opaque colour."""
    alpha = fill[3]
    red, green, blue = (
        rnd((upper * alpha + lower * (255 - alpha)) / 255)
        for upper, lower in zip(fill[:3], background, strict=False)
    )
    return red, green, blue, 255
