"""Fuses table, luma and tint into one node of three look-ups, without floats.

The weighted sum of a luma is exact in floats only. In 16 bits it may fall short of, or
reach, a step of one level that it should not; so this is for large images and for tints
without steep places.
"""

from functools import lru_cache
from itertools import pairwise

from engine.ir import IDENTITY, Curve, Frame, Luma, Node, Plan, Table, Tint, Toned
from engine.passes.algebra import MIN_BOUNDED_PIXELS

MAX_STEP = 2  # levels from one grey to the next


def tone(plan: Plan) -> Plan:
    """Make one node of each luma with its tint, and of the tables before it."""
    nodes: list[Node] = []
    for node, frame in zip(plan.nodes, plan.frames, strict=True):
        if _is_eligible(node, frame) and isinstance(nodes[-1], Luma):
            assert isinstance(node, Tint)  # noqa: S101 - checked by _is_eligible
            nodes.pop()
            tables: tuple[Curve, ...] = (IDENTITY,) * 3
            if isinstance(before := nodes[-1], Table):
                nodes.pop()
                tables = before.tables
            nodes.append(Toned(tables, node.tables))
        else:
            nodes.append(node)
    return plan.with_nodes(tuple(nodes))


def _is_eligible(node: Node, frame: Frame) -> bool:
    return (
        isinstance(node, Tint)
        and frame.size.pixels >= MIN_BOUNDED_PIXELS
        and _is_gradual(node.tables)
    )


@lru_cache(maxsize=256)
def _is_gradual(curves: tuple[Curve, ...]) -> bool:
    return all(
        abs(after - before) <= MAX_STEP for curve in curves for before, after in pairwise(curve)
    )
