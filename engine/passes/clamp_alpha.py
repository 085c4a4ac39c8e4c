"""Keeps colours premultiplied from one resampling node to the next.

Dividing by alpha and multiplying again restores the colours, except where resampling made
them exceed alpha: there they are clipped. So the two are one comparison, bit for bit.
"""

from engine.ir import Clamp, Node, Plan, Premultiply, Unpremultiply


def clamp_alpha(plan: Plan) -> Plan:
    """Replace each division by alpha that a multiplication follows at once with one clamp."""
    nodes: list[Node] = []
    for node in plan.nodes:
        if isinstance(node, Premultiply) and isinstance(nodes[-1], Unpremultiply):
            nodes[-1] = Clamp()
        else:
            nodes.append(node)
    return plan.with_nodes(tuple(nodes))
