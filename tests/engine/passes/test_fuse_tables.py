"""fuse_tables: a chain of look-ups is one."""

import pytest

from engine.ir import IDENTITY, Luma, Node, Resample, Table, Tint, luma
from engine.ir.curves import NEGATIVE, add, threshold
from engine.passes.fuse_tables import fuse_tables
from tests.engine.passes.plans import plan_of

MIXED = (add(10), add(20), NEGATIVE)
LIGHTER, DARKER = Table((add(10),) * 3), Table((add(-10),) * 3)
GREYS = bytes(luma(*values) for values in zip(*MIXED, strict=True))


@pytest.mark.parametrize(
    ("nodes", "fused"),
    [
        ((LIGHTER, LIGHTER), (Table((add(20),) * 3),)),
        ((LIGHTER, DARKER), (Table((bytes([*range(246), *[245] * 10]),) * 3),)),
        ((Table((NEGATIVE,) * 3),) * 2, ()),
        ((LIGHTER, *(Table((NEGATIVE,) * 3),) * 2, LIGHTER), (Table((add(20),) * 3),)),
        ((Luma(), Tint(MIXED), Table((NEGATIVE,) * 3)),
         (Luma(), Tint(tuple(curve.translate(NEGATIVE) for curve in MIXED)))),
        ((Luma(), Tint(MIXED), Luma(), Tint((threshold(128),) * 3)),
         (Luma(), Tint((GREYS.translate(threshold(128)),) * 3))),
    ],
)  # fmt: skip
def test_chains(nodes: tuple[Node, ...], fused: tuple[Node, ...]) -> None:
    made = fuse_tables(plan_of(*nodes))
    assert made.nodes == plan_of(*fused).nodes
    assert fuse_tables(made) is made


def test_what_is_no_chain() -> None:
    for nodes in (
        (LIGHTER,),
        (LIGHTER, Luma(), Tint((IDENTITY,) * 3)),
        (LIGHTER, Resample(9, 9), LIGHTER),
    ):
        plan = plan_of(*nodes)
        assert fuse_tables(plan) is plan
