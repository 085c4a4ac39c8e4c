"""Lowers overlays: images and text laid over the image."""

from functools import singledispatch

from engine.geometry import Box
from engine.ir import Frame, ImageLayer, Overlay, TextLayer
from engine.lower.context import LoweringContext, NodeContext, lower_node, run
from engine.lower.layer_cache import LAYER_CACHE, key_of
from engine.sources import damage_in
from engine.text import draw
from engine.vips import Image, Ink, black, cache_rows, in_bytes, listening


@lower_node.register
def _overlay(node: Overlay, image: Image, context: NodeContext) -> Image:
    """Blend the layer with its own rectangle of the image, and put that back.

    `insert` rewinds the inputs that it has passed. Where the image's source cannot be read
    again, `ifthenelse` is used instead: it computes only what its condition selects, but
    evaluates the condition for every pixel.
    """
    ink = _prepared(node.layer, context.lowering)
    if ink is None:
        return image
    left, top = node.left + ink.left, node.top + ink.top
    seen = Box(left, top, ink.image.width, ink.image.height).within(context.frame.size)
    if seen is None:
        return image
    layer = ink.image
    if seen.size != (layer.width, layer.height):
        layer = layer.crop(seen.left - left, seen.top - top, *seen.size)
    if not context.rereadable:
        return _blend(image, layer, seen, context.frame)
    here = Box(0, 0, *seen.size)
    blended = _blend(image.crop(*seen), layer, here, context.frame.sized(*seen.size))
    return image.insert(blended, seen.left, seen.top)


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
        image = run(layer.nodes, layer.facts, own).copy_memory()
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
