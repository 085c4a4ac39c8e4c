"""Lowers overlays: images and text laid over the image."""

from functools import singledispatch

from engine.geometry import Box, Size
from engine.ir import Frame, ImageLayer, Overlay, Plan, TextLayer
from engine.lower.blending import blended
from engine.lower.context import LoweringContext, NodeContext, lower_node, raster_node, run
from engine.lower.layer_cache import LAYER_CACHE, key_of, size_of
from engine.raster import Raster
from engine.schema import Blend
from engine.sources import damage_in
from engine.text import painted
from engine.vips import (
    Image,
    Ink,
    Pixels,
    as_image,
    as_raster,
    black,
    cache_rows,
    faded,
    laid_over,
    listening,
)

LEAST_TILE = 128  # pixels a side of what is repeated: libvips copies tile by tile


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
    if not context.rereadable or seen.size == context.frame.size:
        return _blend(image, layer, seen, context.frame, node.blend)
    part = _blend_all(image.crop(*seen), layer, context.frame, node.blend)
    return image.insert(part, seen.left, seen.top)


@raster_node.register
def _overlay_raster(node: Overlay, pixels: Pixels, context: NodeContext) -> Raster:
    """Do the same in memory."""
    raster, visible = as_raster(pixels), _visible(node, context)
    if visible is None:
        return raster
    layer, seen = visible

    def blend(part: Raster) -> Raster:
        return as_raster(_blend_all(as_image(part), layer, context.frame, node.blend))

    return raster.repaint(seen, blend)


def _visible(node: Overlay, context: NodeContext) -> tuple[Image, Box] | None:
    """Give the part of a layer that lies on the image, and where; None if nothing does."""
    ink = _prepared(node.layer, context.lowering)
    if ink is None:
        return None
    layer, left, top = _repeated(ink, node, context.frame.size)
    seen = Box(left, top, layer.width, layer.height).within(context.frame.size)
    if seen is None:
        return None
    if seen.size != (layer.width, layer.height):
        layer = layer.crop(seen.left - left, seen.top - top, *seen.size)
    return layer, seen


def _repeated(ink: Ink, node: Overlay, size: Size) -> Ink:
    """Give a layer in its place on an image; one that is repeated reaches over all of it."""
    ink = ink._replace(left=node.left + ink.left, top=node.top + ink.top)
    if node.step is None:
        return ink
    left, across = _run(ink.left, ink.image.width, node.step.width, size.width)
    top, down = _run(ink.top, ink.image.height, node.step.height, size.height)
    period = Size(
        node.step.width if across > 1 else ink.image.width,
        node.step.height if down > 1 else ink.image.height,
    )
    tile = ink.image
    if period != (tile.width, tile.height):
        tile = (tile if tile.hasalpha() else tile.addalpha()).embed(0, 0, *period)
    several = Size(
        max(1, min(across, LEAST_TILE // period.width)),
        max(1, min(down, LEAST_TILE // period.height)),
    )
    if several.pixels > 1:
        tile = tile.replicate(*several).copy_memory()
        across, down = -(-across // several.width), -(-down // several.height)
    return Ink(tile.replicate(across, down), left, top)


def _run(start: int, length: int, step: int, whole: int) -> tuple[int, int]:
    """Give where the first of a row of tiles begins that is seen on a side, and how many are."""
    first = start - (start + length - 1) // step * step
    return first, max(1, -(-(whole - first) // step))


def _blend_all(image: Image, layer: Image, frame: Frame, blend: Blend) -> Image:
    """Lay a layer over a part of the image that is as large as the layer."""
    size = Size(layer.width, layer.height)
    return _blend(image, layer, Box(0, 0, *size), frame.sized(*size), blend)


def _blend(image: Image, layer: Image, seen: Box, frame: Frame, blend: Blend) -> Image:
    """Lay a layer over the image, its corner where `seen` has it."""

    def spread(part: Image) -> Image:
        if seen.size == frame.size:
            return part
        return part.embed(seen.left, seen.top, *frame.size)

    if blend is not Blend.OVER:
        image = cache_rows(image)
        opaque = layer if layer.hasalpha() else layer.addalpha()
        inside = spread(black(*seen.size).invert())
        return inside.ifthenelse(blended(image, spread(opaque), blend), image)
    if layer.hasalpha() and not frame.alpha:
        return spread(layer[3]).ifthenelse(spread(layer.extract_band(0, n=3)), image, blend=True)
    inside = spread(black(*seen.size).invert())
    if not layer.hasalpha():
        return inside.ifthenelse(spread(layer.addalpha() if frame.alpha else layer), image)
    image = cache_rows(image)
    return inside.ifthenelse(laid_over(image, spread(layer)), image)


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
            LAYER_CACHE.put(key, ink, size_of(ink))
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
        image = as_image(run(layer.nodes, layer.facts, own))
        image = (faded(image, layer.opacity) if layer.opacity < 1 else image).copy_memory()
    if damage_in(layer.facts.format, warnings):
        context.suspect.add(layer)
    return Ink(image, 0, 0)


@prepare.register
def _text(layer: TextLayer, context: LoweringContext) -> Ink | None:
    return painted(layer)
