"""Keep colours premultiplied from one step that mixes pixels to the next.

Dividing by alpha and multiplying again gives back what was there, but for what a scaling
drew beyond alpha: that is cut off. So the two are one comparison, bit for bit.
"""

from engine.ir import Clamp, Node, Plan, Premultiply, Unpremultiply


def clamp_alpha(plan: Plan) -> Plan:
    """Make one node of each division by alpha that a multiplication follows at once."""
    nodes: list[Node] = []
    for node in plan.nodes:
        if isinstance(node, Premultiply) and isinstance(nodes[-1], Unpremultiply):
            nodes[-1] = Clamp()
        else:
            nodes.append(node)
    return plan.with_nodes(tuple(nodes))
