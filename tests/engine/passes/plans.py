"""Plans written by hand, for the tests of passes."""

from engine.facts import Facts, SourceFormat
from engine.ir import Node, Plan, Save
from engine.nodes import Decode, ToSrgb
from engine.transforms import Format

START = (Decode(), ToSrgb())
RGB = Facts(format=SourceFormat.PNG, width=40, height=30)
RGBA = Facts(format=SourceFormat.PNG, width=40, height=30, alpha=True)


def plan_of(*nodes: Node, facts: Facts = RGB) -> Plan:
    """Give a plan of these nodes after decoding."""
    return Plan(facts, (*START, *nodes), Save(Format.PNG, 100))
