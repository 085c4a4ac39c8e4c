"""Decoding, and the nodes that move pixels.

`resize` enlarges on a grid displaced by half a pixel, so that goes through `affine` with
explicit displacements.
"""

from engine.geometry import Box, Size
from engine.ir import (
    Canvas,
    Crop,
    Decode,
    Enlarge,
    Orient,
    Pixelate,
    Resample,
    Rotate,
    needs_row_cache,
)
from engine.lower.context import NodeContext, lower_node
from engine.vips import Image, cache_rows, in_bytes, interpolator, load, rotated

BICUBIC = 3  # pixels around those that a window is made of
HALF_UP = 0.5002  # a mean of halves is rounded up, whatever floats lose


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
def _enlarge_a_window(node: Enlarge, image: Image, context: NodeContext) -> Image:
    """Crop to what the window is made of, and place it by how much was cut off."""
    whole = zip((node.width, node.height), context.given.size, strict=True)
    across, down = (made / given for made, given in whole)
    seen = _seen(node, context)
    image = image.crop(*seen).affine(
        [across, 0, 0, down],
        interpolate=interpolator("bicubic"),
        oarea=[0, 0, *node.box.size],
        odx=(across - 1) / 2 + across * seen.left - node.box.left,
        ody=(down - 1) / 2 + down * seen.top - node.box.top,
        extend="copy",
        premultiplied=True,
    )
    return cache_rows(image) if needs_row_cache(context.given, context.frame) else image


def _seen(node: Enlarge, context: NodeContext) -> Box:
    """Return the part of the image that a window is made of, with what bicubic reads around."""
    (width, height), box = context.given.size, node.box
    left, top = box.left * width // node.width, box.top * height // node.height
    right = -(-(box.left + box.width) * width // node.width)
    bottom = -(-(box.top + box.height) * height // node.height)
    around = Box(left - BICUBIC, top - BICUBIC, right - left, bottom - top)
    seen = Box(*around[:2], around.width + 2 * BICUBIC, around.height + 2 * BICUBIC)
    found = seen.within(context.given.size)
    assert found is not None  # noqa: S101 - a window lies inside
    return found


@lower_node.register
def _pixelate(node: Pixelate, image: Image, context: NodeContext) -> Image:
    """Average blocks and repeat them.

    A band of 255 goes along, which becomes the share of a block that is inside the image.
    """
    (width, height), side = context.given.size, node.side
    wide, high = -(-width // side), -(-height // side)
    counted = image.bandjoin(255).embed(0, 0, wide * side, high * side).cast("float")
    sums = cache_rows(counted.shrinkh(side)).shrinkv(side)
    means = sums.extract_band(0, n=image.bands) * 255 / sums[image.bands]
    blocks = cache_rows(in_bytes(means, HALF_UP)).copy(interpretation="srgb")
    return blocks.zoom(side, side).crop(0, 0, width, height)


@lower_node.register
def _rotate(node: Rotate, image: Image, context: NodeContext) -> Image:
    if context.frame.alpha and not image.hasalpha():
        image = image.addalpha()
    *colour, alpha = node.fill
    fill = [value * alpha / 255 for value in colour]  # premultiplied, as the image is
    ground = [*fill, alpha] if context.frame.alpha else fill
    return rotated(image, node.degrees, Size(node.width, node.height), ground)


@lower_node.register
def _canvas(node: Canvas, image: Image, context: NodeContext) -> Image:
    if context.frame.alpha and not image.hasalpha():
        image = image.addalpha()
    fill = list(node.colour if context.frame.alpha else node.colour[:3])
    at = (node.left, node.top, node.width, node.height)
    return image.embed(*at, extend="background", background=fill)
