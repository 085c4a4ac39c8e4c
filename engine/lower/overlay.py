"""Lowers overlays: images and text laid over the image."""

from functools import singledispatch

from engine.geometry import Box, Size
from engine.ir import Frame, ImageLayer, Overlay, Plan, TextLayer
from engine.lower.context import LoweringContext, NodeContext, lower_node, raster_node, run
from engine.lower.layer_cache import LAYER_CACHE, key_of
from engine.raster import Raster
from engine.sources import damage_in
from engine.text import draw
from engine.vips import (
    Image,
    Ink,
    Pixels,
    as_image,
    as_raster,
    black,
    cache_rows,
    in_bytes,
    listening,
)


@lower_node.register
def _overlay(node: Overlay, image: Image, context: NodeContext) -> Image:
    """Blend the layer with its own rectangle of the image, and put that back.

    `insert` rewinds the inputs that it has passed. Where the image's source cannot be read
    again, `ifthenelse` is used instead: it computes only what its condition selects, but
    evaluates the condition for every pixel.
    """
    visible = _visible(node, context)
    if visible is None:
        return image
    layer, seen = visible
    if not context.rereadable:
        return _blend(image, layer, seen, context.frame)
    blended = _blend_all(image.crop(*seen), layer, context.frame)
    return image.insert(blended, seen.left, seen.top)


@raster_node.register
def _overlay_raster(node: Overlay, pixels: Pixels, context: NodeContext) -> Raster:
    """Do the same in memory."""
    raster, visible = as_raster(pixels), _visible(node, context)
    if visible is None:
        return raster
    layer, seen = visible
    blended = _blend_all(as_image(raster.crop(*seen)), layer, context.frame)
    return raster.paste(as_raster(blended), seen.left, seen.top)


def _visible(node: Overlay, context: NodeContext) -> tuple[Image, Box] | None:
    """Give the part of a layer that lies on the image, and where; None if nothing does."""
    ink = _prepared(node.layer, context.lowering)
    if ink is None:
        return None
    left, top = node.left + ink.left, node.top + ink.top
    seen = Box(left, top, ink.image.width, ink.image.height).within(context.frame.size)
    if seen is None:
        return None
    layer = ink.image
    if seen.size != (layer.width, layer.height):
        layer = layer.crop(seen.left - left, seen.top - top, *seen.size)
    return layer, seen


def _blend_all(image: Image, layer: Image, frame: Frame) -> Image:
    """Lay a layer over a part of the image that is as large as the layer."""
    size = Size(layer.width, layer.height)
    return _blend(image, layer, Box(0, 0, *size), frame.sized(*size))


def _blend(image: Image, layer: Image, seen: Box, frame: Frame) -> Image:
    """Lay a layer over the image, its corner where `seen` has it."""

    def spread(part: Image) -> Image:
        if seen.size == frame.size:
            return part
        return part.embed(seen.left, seen.top, *frame.size)

    if layer.hasalpha() and not frame.alpha:
        return spread(layer[3]).ifthenelse(spread(layer.extract_band(0, n=3)), image, blend=True)
    inside = spread(black(*seen.size).invert())
    if not layer.hasalpha():
        return inside.ifthenelse(spread(layer.addalpha() if frame.alpha else layer), image)
    image = cache_rows(image)
    over = in_bytes(image.cast("float").composite2(spread(layer), "over"))
    return inside.ifthenelse(over, image)


def prepare_layers(plan: Plan, context: LoweringContext) -> None:
    """Prepare all layers of a plan, for whoever needs them there."""
    for node in plan.nodes:
        if isinstance(node, Overlay):
            _prepared(node.layer, context)


def _prepared(layer: ImageLayer | TextLayer, context: LoweringContext) -> Ink | None:
    if layer not in context.layers:
        source = context.inputs[layer.source] if isinstance(layer, ImageLayer) else None
        key = key_of(layer, source)
        ink = LAYER_CACHE.get(key) or prepare(layer, context)
        if ink is not None and layer not in context.suspect:
            LAYER_CACHE.put(key, ink)
        context.layers[layer] = ink
    return context.layers[layer]


@singledispatch
def prepare(layer: object, context: LoweringContext) -> Ink | None:
    """Materialise a layer as RGB or RGBA; None if all of it is transparent."""
    raise TypeError(f"nothing prepares {type(layer).__name__}")


@prepare.register
def _image(layer: ImageLayer, context: LoweringContext) -> Ink | None:
    own = context.with_source(context.inputs[layer.source])
    with listening() as warnings:
        image = as_image(run(layer.nodes, layer.facts, own)).copy_memory()
    if damage_in(layer.facts.format, warnings):
        context.suspect.add(layer)
    return Ink(image, 0, 0)


@prepare.register
def _text(layer: TextLayer, context: LoweringContext) -> Ink | None:
    ink = draw(layer)
    if ink is None:
        return None
    *colour, alpha = layer.colour
    cover = ink.image if alpha == 255 else in_bytes(ink.image * (alpha / 255))
    painted = cover.new_from_image(colour).copy(interpretation="srgb").bandjoin(cover)
    return ink._replace(image=painted.copy_memory())
