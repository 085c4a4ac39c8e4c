"""Expands watermarks and annotations."""

from engine import schema
from engine.errors import DarkroomError, LimitExceeded, SourceCorrupt, TransformationFailed
from engine.expand.builder import PlanBuilder, add_nodes, to_working_image
from engine.expand.placement import place, resolve_size
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
    box = place(mark.size, builder.size, options.gravity, options.xoffset, options.yoffset)
    builder.add(Overlay(ImageLayer(options.key, facts, tuple(mark.nodes)), box.left, box.top))


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
    if any(line.strip() for line in text.lines):
        size = Size(text.width, text.height)
        box = place(size, builder.size, options.gravity, options.xoffset, options.yoffset)
        builder.add(Overlay(text, box.left, box.top))
