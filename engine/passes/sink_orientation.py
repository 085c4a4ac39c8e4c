"""Moves orientation transforms after crops and filters, and merges them into one.

A quarter turn reads its input out of order, so the input must be materialised. Late in the
plan that input is small, and everything before it streams. This is also where the file's own
orientation is merged with the turns and flips that the client asked for.
"""

from engine.ir import Plan
from engine.passes.algebra import push_down


def sink_orientation(plan: Plan) -> Plan:
    """Move each orientation transform down as far as the pixels stay the same, bit for bit."""
    return push_down(plan, exact=True)
