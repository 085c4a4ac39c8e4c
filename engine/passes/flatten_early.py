"""Lay a picture on white while its colours are still multiplied by alpha.

``colour · alpha + white · (1 − alpha)`` needs no division when the product is at hand. And
what is turned freely and then laid on white may as well be turned on white: it never gets an
alpha band. Small pictures stay exact: it is their edges that differ.
"""

from msgspec.structs import replace

from engine.ir import Flatten, Node, Plan, Rotate, Unpremultiply
from engine.passes.algebra import WORTH


def flatten_early(plan: Plan) -> Plan:
    """Spare the division before flattening, and alpha where it came from turning alone."""
    nodes: list[Node] = []
    for index, node in enumerate(plan.nodes):
        large = plan.frames[index].size.pixels >= WORTH
        if large and isinstance(node, Flatten) and isinstance(nodes[-1], Unpremultiply):
            nodes.pop()
            nodes.append(Flatten(premultiplied=True))
            if isinstance(nodes[-2], Rotate) and not plan.frames[index - 3].alpha:
                nodes[-2:] = [replace(nodes[-2], on_white=True)]
        else:
            nodes.append(node)
    return plan.with_nodes(tuple(nodes))
