"""Let turns and mirror images happen after scalings and blurs too, within a few levels.

A photograph that was taken upright lies on its side in its file. Turned first, it would be
held at full size and could not be decoded any smaller.
"""

from engine.ir import Plan
from engine.passes.algebra import WORTH, carried_down


def sink_past_scaling(plan: Plan) -> Plan:
    """Carry each turn past what scales down, and past blurs, in large pictures.

    Quarter turns stay before the scaling of what has alpha: at hard edges it would show.
    """
    if plan.facts.size.pixels < WORTH:
        return plan
    return carried_down(plan, to_the_letter=False)
