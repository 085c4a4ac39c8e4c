"""Moves orientation transforms after scalings and blurs too, within a few levels.

A photograph taken in portrait format is stored on its side in its file. Oriented first, it
would be materialised at full size and could not be decoded at a reduced scale.
"""

from engine.ir import Plan
from engine.passes.algebra import MIN_BOUNDED_PIXELS, push_down


def sink_past_scaling(plan: Plan) -> Plan:
    """Move each orientation transform past downscaling and past blurs, in large images.

    Quarter turns stay before the scaling of images with alpha: at hard edges it would show.
    """
    if plan.facts.size.pixels < MIN_BOUNDED_PIXELS:
        return plan
    return push_down(plan, exact=False)
