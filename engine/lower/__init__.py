"""From a plan to a libvips pipeline: each node as libvips does it, in the order of the plan.

One node, one idiom. Nothing here asks whether another order would be better. The modules
register how their nodes are lowered when they are imported.
"""

from engine.ir import Plan
from engine.lower import blur, colour, filters, overlay, shape
from engine.lower.bench import Bench, run
from engine.vips import Image

__all__ = ["Bench", "blur", "colour", "filters", "lower", "overlay", "run", "shape"]


def lower(plan: Plan, bench: Bench) -> Image:
    """Build the pipeline of a plan, to be pulled once."""
    return run(plan.nodes, plan.facts, bench)
