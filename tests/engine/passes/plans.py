"""Hand-written plans, and the check of every bounded pass against its declaration."""

from collections.abc import Callable

from engine import Source
from engine.ir import Decode, Node, Plan, Save, ToSrgb
from engine.passes.order import PASSES, Bounded
from engine.schema import Format
from engine.sources import Facts, SourceFormat
from tests.engine.images import distance, executed

START = (Decode(), ToSrgb())
RGB = Facts(format=SourceFormat.PNG, width=40, height=30)
RGBA = Facts(format=SourceFormat.PNG, width=40, height=30, alpha=True)


def plan_of(*nodes: Node, facts: Facts = RGB) -> Plan:
    """Return a plan of these nodes after decoding."""
    return Plan(facts, (*START, *nodes), Save(Format.PNG, 100))


def assert_as_declared(rewriting: Callable[[Plan], Plan], plain: Plan, source: Source) -> None:
    """Check the levels and the PSNR of a bounded pass, on a plan that it changes."""
    (declared,) = (entry.fidelity for entry in PASSES if entry.run is rewriting)
    assert isinstance(declared, Bounded)
    made = rewriting(plain)
    assert made is not plain
    levels, psnr = distance(*(executed(plan, source) for plan in (plain, made)))
    assert levels <= declared.levels
    assert psnr >= declared.psnr
