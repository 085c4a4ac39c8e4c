"""Drop nodes that change nothing."""

from engine.geometry import Box
from engine.ir import IDENTITY, Crop, Frame, Node, Plan, Resample, Table, Turn, source_frame


def drop_idle(plan: Plan) -> Plan:
    """Leave out turns by nothing, crops of the whole, tables and scalings that keep all."""
    given = (source_frame(plan.facts), *plan.frames)
    kept = (node for node, frame in zip(plan.nodes, given, strict=False) if not _idle(node, frame))
    return plan.with_nodes(tuple(kept))


def _idle(node: Node, given: Frame) -> bool:
    match node:
        case Turn():
            return node == Turn()
        case Crop():
            return node.box == Box(0, 0, *given.size)
        case Resample():
            return (node.width, node.height) == given.size
        case Table():
            return all(table == IDENTITY for table in node.tables)
    return False
