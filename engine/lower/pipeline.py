"""Lowers a plan to a libvips pipeline, node by node, in the order of the plan.

Nothing here considers whether another order or idiom would be better. The modules register how
their nodes are lowered when they are imported.
"""

from collections.abc import Iterator

from engine.ir import Plan
from engine.lower import blur, colour, filters, geometry, overlay, rasters  # noqa: F401 - register
from engine.lower.context import LoweringContext, run
from engine.vips import Pixels, as_image


def lower(plan: Plan, context: LoweringContext) -> Iterator[Pixels]:
    """Build the pipeline of each frame, to be evaluated once and before the next is requested.

    libvips puts the frames of an animation below each other. Each is copied out of that strip
    into memory, so that no node reads another frame's pixels.
    """
    frame = plan.frames[0]
    if frame.pages == 1:
        yield run(plan.nodes, plan.facts, context)
        return
    strip = as_image(run(plan.nodes[:1], plan.facts, context))
    for page in range(frame.pages):
        image = strip.crop(0, page * frame.height, *frame.size).copy_memory()
        yield run(plan.nodes[1:], plan.facts, context, image, frame)
