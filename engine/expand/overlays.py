"""Expands watermarks and annotations."""

from msgspec import UNSET

from engine import schema
from engine.errors import DarkroomError, LimitExceeded, SourceCorrupt, TransformationFailed
from engine.expand.builder import PlanBuilder, add_nodes, to_working_image
from engine.expand.placement import place, resolve_gap, resolve_size, share_of
from engine.expand.text_layout import text_layer_of
from engine.geometry import Size
from engine.ir import ImageLayer, Overlay
from engine.sources import Facts


@add_nodes.register
def _watermark(options: schema.Watermark, builder: PlanBuilder) -> None:
    facts = _input_facts(options.key, builder)
    mark = PlanBuilder(facts, builder.limits, builder.resolved, builder.where, builder.tolerant)
    to_working_image(mark)
    mark.resample(resolve_size(options.width, options.height, mark.size, reference=builder.size))
    if options.degrees % 360:
        mark.rotate(options.degrees)
    left, top = place(mark.size, builder.size, options.gravity, options.xoffset, options.yoffset)[
        :2
    ]
    if not options.opacity:
        return
    layer = ImageLayer(options.key, facts, tuple(mark.nodes), float(share_of(options.opacity) / 10))
    step = _step(options, mark.size, builder) if options.tile else None
    builder.add(Overlay(layer, left, top, options.blend, step))


def _step(options: schema.Watermark, mark: Size, builder: PlanBuilder) -> Size:
    """Return how far it is from one tile to the next."""
    between = 0 if options.spacing is UNSET else resolve_gap(options.spacing, builder.size)
    return Size(mark.width + between, mark.height + between)


def _input_facts(key: str, builder: PlanBuilder) -> Facts:
    found = builder.resolved.inputs.get(key)
    if found is None:
        raise TransformationFailed(f"{builder.where}: no image was given for {key!r}")
    if isinstance(found, DarkroomError):
        raise found
    if found.damaged and not builder.tolerant:
        raise SourceCorrupt(f"{key}: {found.damaged}")
    allowed = builder.limits.max_watermark_pixels
    if found.size.pixels > allowed:
        what = f"{builder.where}: the watermark is too large ({found.size})"
        raise LimitExceeded(what, "max_watermark_pixels", allowed, found.size.pixels, "pixels")
    return found


@add_nodes.register
def _annotation(options: schema.Annotation, builder: PlanBuilder) -> None:
    text = text_layer_of(options, builder)
    if options.opacity > 0 and any(line.strip() for line in text.lines):
        left, top = place(
            text.placed, builder.size, options.gravity, options.xoffset, options.yoffset
        )[:2]
        builder.add(Overlay(text, left, top))
