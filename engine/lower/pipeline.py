"""From a plan to a libvips pipeline: each node as libvips does it, in the order of the plan.

One node, one idiom. Nothing here asks whether another order would be better. The modules
register how their nodes are lowered when they are imported.
"""

from collections.abc import Iterator

from engine.ir import Plan
from engine.lower import blur, colour, filters, overlay, shape  # noqa: F401 - they register
from engine.lower.context import Bench, run
from engine.vips import Image


def lower(plan: Plan, bench: Bench) -> Iterator[Image]:
    """Build the pipeline of each frame, to be pulled once and before the next is asked for.

    libvips puts the frames of an animation below each other. Each is taken out of that into
    memory, so that no node sees another frame's pixels.
    """
    frame = plan.frames[0]
    if frame.pages == 1:
        yield run(plan.nodes, plan.facts, bench)
        return
    strip = run(plan.nodes[:1], plan.facts, bench)
    for page in range(frame.pages):
        still = strip.crop(0, page * frame.height, *frame.size).copy_memory()
        yield run(plan.nodes[1:], plan.facts, bench, still, frame)
