"""Flattens onto white while colours are still premultiplied.

``colour · alpha + white · (1 − alpha)`` needs no division when the product is at hand. And an
image that is rotated by any angle and then flattened is rotated on white instead: it never
gets an alpha band. Small images stay exact: it is their edges that differ.
"""

from msgspec.structs import replace

from engine.ir import Flatten, Node, Plan, Rotate, Unpremultiply
from engine.passes.algebra import MIN_BOUNDED_PIXELS


def flatten_early(plan: Plan) -> Plan:
    """Drop the division before flattening, and alpha where only a rotation added it."""
    nodes: list[Node] = []
    for index, node in enumerate(plan.nodes):
        large = plan.frames[index].size.pixels >= MIN_BOUNDED_PIXELS
        if large and isinstance(node, Flatten) and isinstance(nodes[-1], Unpremultiply):
            nodes.pop()
            nodes.append(Flatten(premultiplied=True))
            if isinstance(nodes[-2], Rotate) and not plan.frames[index - 3].alpha:
                nodes[-2:] = [replace(nodes[-2], on_white=True)]
        else:
            nodes.append(node)
    return plan.with_nodes(tuple(nodes))
