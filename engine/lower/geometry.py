"""Decoding, and the nodes that move pixels.

`resize` enlarges on a grid displaced by half a pixel and `rotate` moves by up to a pixel,
so both go through `affine` with explicit displacements.
"""

from math import cos, radians, sin

from engine.ir import Canvas, Crop, Decode, Orient, Resample, Rotate, needs_row_cache
from engine.lower.context import NodeContext, lower_node
from engine.vips import Image, cache_rows, interpolator, load


@lower_node.register
def _decode(node: Decode, image: Image, context: NodeContext) -> Image:
    source, facts = context.lowering.source, context.facts
    return load(source, facts.format, node.shrink, node.pages, node.tolerant)


@lower_node.register
def _orient(node: Orient, image: Image, context: NodeContext) -> Image:
    if node.mirror and node.quarters == 2:
        return image.flipver()
    if node.mirror:
        image = image.fliphor()
    return image.rot(f"d{node.quarters * 90}") if node.quarters else image


@lower_node.register
def _crop(node: Crop, image: Image, context: NodeContext) -> Image:
    return image.crop(*node.box)


@lower_node.register
def _resample(node: Resample, image: Image, context: NodeContext) -> Image:
    across, down = node.width / image.width, node.height / image.height
    if min(across, down) < 1:
        image = image.resize(min(across, 1), vscale=min(down, 1), kernel="lanczos3", gap=8)
    if max(across, down) > 1:
        image = _enlarge(image, max(across, 1), max(down, 1), context)
    return cache_rows(image) if needs_row_cache(context.given, context.frame) else image


def _enlarge(image: Image, across: float, down: float, context: NodeContext) -> Image:
    return image.affine(
        [across, 0, 0, down],
        interpolate=interpolator("bicubic"),
        oarea=[0, 0, *context.frame.size],
        odx=(across - 1) / 2,
        ody=(down - 1) / 2,
        extend="copy",
        premultiplied=True,  # or it would multiply by alpha once more
    )


@lower_node.register
def _rotate(node: Rotate, image: Image, context: NodeContext) -> Image:
    """Rotate about the centres: move the input's to 0, rotate, move to the output's."""
    if not node.on_white and not image.hasalpha():
        image = image.addalpha()
    background = [255] * image.bands if node.on_white else [0] * image.bands
    cosine, sine = cos(radians(node.degrees)), sin(radians(node.degrees))
    return image.affine(
        [cosine, -sine, sine, cosine],
        interpolate=interpolator("bicubic"),
        oarea=[0, 0, node.width, node.height],
        idx=-(image.width - 1) / 2,
        idy=-(image.height - 1) / 2,
        odx=(node.width - 1) / 2,
        ody=(node.height - 1) / 2,
        extend="background",
        background=background,
        premultiplied=not node.on_white,
    )


@lower_node.register
def _canvas(node: Canvas, image: Image, context: NodeContext) -> Image:
    if context.frame.alpha and not image.hasalpha():
        image = image.addalpha()
    fill = list(node.colour if context.frame.alpha else node.colour[:3])
    at = (node.left, node.top, node.width, node.height)
    return image.embed(*at, extend="background", background=fill)
