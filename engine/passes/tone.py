"""Grey tones without floats: table, luma and tint in three look-ups.

The weighted sum of a luma is exact in floats only. In 16 bits it may fall short of, or
reach, a step of one level that it should not; so this is for large pictures and for tints
without steep places.
"""

from functools import lru_cache
from itertools import pairwise

from engine.ir import IDENTITY, Curve, Frame, Luma, Node, Plan, Table, Tint, Toned
from engine.passes.algebra import WORTH

STEEPEST = 2  # levels from one grey to the next


def tone(plan: Plan) -> Plan:
    """Make one node of each luma with its tint, and of the tables before it."""
    nodes: list[Node] = []
    for node, frame in zip(plan.nodes, plan.frames, strict=True):
        if _worth_it(node, frame) and isinstance(nodes[-1], Luma):
            assert isinstance(node, Tint)  # noqa: S101 - _worth_it saw to it
            nodes.pop()
            tables: tuple[Curve, ...] = (IDENTITY,) * 3
            if isinstance(before := nodes[-1], Table):
                nodes.pop()
                tables = before.tables
            nodes.append(Toned(tables, node.tables))
        else:
            nodes.append(node)
    return plan.with_nodes(tuple(nodes))


def _worth_it(node: Node, frame: Frame) -> bool:
    return isinstance(node, Tint) and frame.size.pixels >= WORTH and _gentle(node.tables)


@lru_cache(maxsize=256)
def _gentle(curves: tuple[Curve, ...]) -> bool:
    return all(
        abs(after - before) <= STEEPEST for curve in curves for before, after in pairwise(curve)
    )
