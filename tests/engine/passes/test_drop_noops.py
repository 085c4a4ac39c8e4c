"""drop_noops: what changes nothing goes, what changes something stays."""

from engine.geometry import Box
from engine.ir import (
    IDENTITY,
    Canvas,
    Crop,
    Decode,
    Node,
    Orient,
    Plan,
    Resample,
    Save,
    Table,
    ToSrgb,
)
from engine.ir.curves import NEGATIVE
from engine.passes.drop_noops import drop_noops
from engine.schema import Format
from engine.sources import Facts, SourceFormat

FACTS = Facts(format=SourceFormat.PNG, width=40, height=30)


def dropped(*nodes: Node) -> tuple[Node, ...]:
    made = drop_noops(Plan(FACTS, (Decode(), ToSrgb(), *nodes), Save(Format.PNG, 100)))
    return made.nodes[2:]


def test_idle_nodes_go() -> None:
    assert dropped(
        Orient(),
        Crop(Box(0, 0, 40, 30)),
        Resample(40, 30),
        Canvas(40, 30, 0, 0, (1, 2, 3, 255)),
        Table((IDENTITY,) * 3),
        Orient(quarters=1),
        Crop(Box(0, 0, 30, 40)),
    ) == (Orient(quarters=1),)


def test_working_nodes_stay_and_the_plan_is_the_same_object() -> None:
    nodes = (
        Orient(mirror=True),
        Crop(Box(0, 0, 39, 30)),
        Resample(39, 31),
        Table((NEGATIVE, IDENTITY, IDENTITY)),
        Canvas(39, 31, 0, 0, (0, 0, 0, 0)),
    )
    made = Plan(FACTS, (Decode(), ToSrgb(), *nodes), Save(Format.PNG, 100))
    assert drop_noops(made) is made
