"""Decodes a JPEG at 1/2, 1/4 or 1/8 where it is scaled down first.

A JPEG decoder makes a reduced image for less than a whole one. The whole of a plan's geometry
up to its first scaling decides how small it may be.
"""

from engine.ir import Decode, Plan
from engine.passes.algebra import decoded_at, max_shrink
from engine.sources import SourceFormat

WHOLE = {Decode(), Decode(tolerant=True)}


def shrink_on_load(plan: Plan) -> Plan:
    """Choose the smallest scale that leaves pixels enough for the first scaling."""
    if plan.facts.format is not SourceFormat.JPEG or plan.nodes[0] not in WHOLE:
        return plan
    return decoded_at(plan, max_shrink(plan))
