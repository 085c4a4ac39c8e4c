"""Let turns and mirror images happen late: after crops and filters, merged into one.

A turn makes its reader jump about in the picture, so the picture must be held. Late, what
is held is small, and everything before it streams. This is also where the orientation of
the file joins the turns that the client asked for.
"""

from engine.ir import Plan
from engine.passes.algebra import carried_down


def sink_turns(plan: Plan) -> Plan:
    """Carry each turn down as far as the same pixels come out, bit for bit."""
    return carried_down(plan, to_the_letter=True)
