"""Drops nodes that change nothing."""

from engine.geometry import Box
from engine.ir import (
    IDENTITY,
    Canvas,
    Crop,
    Frame,
    Node,
    Orient,
    Plan,
    Resample,
    Table,
    source_frame,
)


def drop_noops(plan: Plan) -> Plan:
    """Drop identity orientations and tables, and crops, scalings and canvases of its very size."""
    given = (source_frame(plan.facts), *plan.frames)
    kept = (
        node for node, frame in zip(plan.nodes, given, strict=False) if not _is_noop(node, frame)
    )
    return plan.with_nodes(tuple(kept))


def _is_noop(node: Node, given: Frame) -> bool:
    match node:
        case Orient():
            return node == Orient()
        case Crop():
            return node.box == Box(0, 0, *given.size)
        case Resample():
            return (node.width, node.height) == given.size
        case Canvas():
            return node.frame(given) == given
        case Table():
            return all(table == IDENTITY for table in node.tables)
    return False
