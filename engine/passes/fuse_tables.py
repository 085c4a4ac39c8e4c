"""Fuses neighbouring look-ups into one.

A table after a table is one table. After the first luma everything is a function of one
value, so whatever pointwise follows it is one tint.
"""

from engine.ir import IDENTITY, Curve, Luma, Node, Plan, Table, Tint, luma

Curves = tuple[Curve, ...]


def fuse_tables(plan: Plan) -> Plan:
    """Fuse neighbours that change colours alone, until none are left."""
    nodes: list[Node] = []
    for node in plan.nodes:
        last = node
        while nodes and (fused := _fused(nodes[-1], last)) is not None:
            nodes.pop()
            last = fused
        nodes.append(last)
        if isinstance(last, Table) and all(table == IDENTITY for table in last.tables):
            nodes.pop()
    return plan.with_nodes(tuple(nodes))


def _fused(first: Node, second: Node) -> Node | None:
    """Return the one node that does what two did; None if there is none."""
    match first, second:
        case Table(), Table():
            return Table(_composed(first.tables, second.tables))
        case Tint(), Table():
            return Tint(_composed(first.tables, second.tables))
        case Table(tables=(curve,)), Tint():
            return Tint(_composed((curve,) * 3, second.tables))
        case Tint(), Luma():
            return Table((bytes(map(luma, *first.tables)),))
    return None


def _composed(first: Curves, second: Curves) -> Curves:
    return tuple(curve.translate(after) for curve, after in zip(first, second, strict=True))
