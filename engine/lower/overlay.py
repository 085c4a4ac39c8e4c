"""Pictures and text laid over the picture."""

from functools import singledispatch

from engine.geometry import Box
from engine.ir import Frame, Layer, Letters, Overlay
from engine.lower.context import Bench, Work, lower_node, run
from engine.lower.layer_cache import KEPT, key_of
from engine.text import draw
from engine.vips import Image, Ink, black, hold, in_bytes


@lower_node.register
def _overlay(node: Overlay, image: Image, work: Work) -> Image:
    """Blend the layer with its own rectangle of the picture, and put that back.

    `insert` rewinds the inputs that it has passed. Where the picture's source cannot be read
    again, `ifthenelse` stands in: it makes only what its condition asks for, but asks it of
    every pixel.
    """
    ink = _made_ready(node.layer, work.bench)
    if ink is None:
        return image
    left, top = node.left + ink.left, node.top + ink.top
    seen = Box(left, top, ink.image.width, ink.image.height).within(work.frame.size)
    if seen is None:
        return image
    layer = ink.image
    if seen.size != (layer.width, layer.height):
        layer = layer.crop(seen.left - left, seen.top - top, *seen.size)
    if not work.rereadable:
        return _blend(image, layer, seen, work.frame)
    here = Box(0, 0, *seen.size)
    blended = _blend(image.crop(*seen), layer, here, work.frame.sized(*seen.size))
    return image.insert(blended, seen.left, seen.top)


def _blend(image: Image, layer: Image, seen: Box, frame: Frame) -> Image:
    """Lay a layer over the picture, its corner where `seen` has it."""

    def spread(part: Image) -> Image:
        if seen.size == frame.size:
            return part
        return part.embed(seen.left, seen.top, *frame.size)

    if layer.hasalpha() and not frame.alpha:
        return spread(layer[3]).ifthenelse(spread(layer.extract_band(0, n=3)), image, blend=True)
    inside = spread(black(*seen.size).invert())
    if not layer.hasalpha():
        return inside.ifthenelse(spread(layer.addalpha() if frame.alpha else layer), image)
    image = hold(image)
    over = in_bytes(image.cast("float").composite2(spread(layer), "over"))
    return inside.ifthenelse(over, image)


def _made_ready(layer: Layer | Letters, bench: Bench) -> Ink | None:
    if layer not in bench.layers:
        source = bench.inputs[layer.source] if isinstance(layer, Layer) else None
        key = key_of(layer, source)
        ink = KEPT.get(key) or make_ready(layer, bench)
        if ink is not None:
            KEPT.put(key, ink)
        bench.layers[layer] = ink
    return bench.layers[layer]


@singledispatch
def make_ready(layer: object, bench: Bench) -> Ink | None:
    """Make a layer in memory, RGB or RGBA; None if there is nothing to see."""
    raise TypeError(f"nothing makes {type(layer).__name__} ready")


@make_ready.register
def _picture(layer: Layer, bench: Bench) -> Ink | None:
    bench = bench.with_source(bench.inputs[layer.source])
    return Ink(run(layer.nodes, layer.facts, bench).copy_memory(), 0, 0)


@make_ready.register
def _letters(layer: Letters, bench: Bench) -> Ink | None:
    ink = draw(layer)
    if ink is None:
        return None
    *colour, alpha = layer.colour
    cover = ink.image if alpha == 255 else in_bytes(ink.image * (alpha / 255))
    painted = cover.new_from_image(colour).copy(interpretation="srgb").bandjoin(cover)
    return ink._replace(image=painted.copy_memory())
