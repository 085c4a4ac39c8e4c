"""Plans written by hand, and what every bounded pass is held to, for the tests of passes."""

from collections.abc import Callable

from engine import Source
from engine.ir import Decode, Node, Plan, Save, ToSrgb
from engine.passes.order import PASSES, Bounded
from engine.schema import Format
from engine.sources import Facts, SourceFormat
from tests.engine.images import carried_out, distance

START = (Decode(), ToSrgb())
RGB = Facts(format=SourceFormat.PNG, width=40, height=30)
RGBA = Facts(format=SourceFormat.PNG, width=40, height=30, alpha=True)


def plan_of(*nodes: Node, facts: Facts = RGB) -> Plan:
    """Give a plan of these nodes after decoding."""
    return Plan(facts, (*START, *nodes), Save(Format.PNG, 100))


def assert_as_declared(rewriting: Callable[[Plan], Plan], plain: Plan, source: Source) -> None:
    """Hold a bounded pass to its levels and its PSNR, on a plan that it changes."""
    (declared,) = (entry.fidelity for entry in PASSES if entry.run is rewriting)
    assert isinstance(declared, Bounded)
    made = rewriting(plain)
    assert made is not plain
    levels, psnr = distance(*(carried_out(plan, source) for plan in (plain, made)))
    assert levels <= declared.levels
    assert psnr >= declared.psnr
