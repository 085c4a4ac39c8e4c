"""Lowers the pointwise nodes, which change colours and move no pixels.

`flatten` fills with black unless it is told otherwise.
"""

from functools import lru_cache
from math import ceil

from engine.geometry import Box, rnd
from engine.ir import (
    Clamp,
    Flatten,
    Frame,
    Luma,
    Matrix,
    Premultiply,
    RoundCorners,
    Table,
    Tint,
    Toned,
    ToSrgb,
    Unpremultiply,
)
from engine.lower.context import LoweringContext, NodeContext, lower_node
from engine.sources import Facts, Source
from engine.vips import (
    Image,
    Palette,
    bare_srgb,
    black,
    colours_of,
    image_from_table,
    image_from_words,
    in_bytes,
    profile_of,
    three_colours,
    through_profile,
)

IDENTITY = bytes(range(256))
LUMA = [[0.299, 0.587, 0.114]]
STEPS = 145  # a level of luma in 16 bits: 3 · 145 · 0.587 · 255 still fits
MARGIN = 0.0005  # half of what one step of the weighted sum is worth: makes truncation exact


@lower_node.register
def _to_srgb(node: ToSrgb, image: Image, context: NodeContext) -> Image:
    """Convert 8 or 16 bits or floats by profile, by colour space, or by depth alone.

    A profile describes integers of the space that it is made for, so floats, whose meaning is
    defined, are converted without it.
    """
    if image.bands > (bands := context.facts.bands + context.facts.alpha):
        image = image.extract_band(0, n=bands)
    if image.format == "float":
        image = three_colours(image).copy(interpretation="scrgb").colourspace("srgb")
    elif node.profile:
        image = through_profile(image)
    if image.interpretation == "cmyk":
        image = _from_inks(image)
    if image.format != "uchar":
        image = (image >> 8).cast("uchar")
    return bare_srgb(three_colours(image))


def _from_inks(image: Image) -> Image:
    """Convert CMYK; its opacity goes apart, for libvips takes that of 16 bits for one of 8."""
    inks = image.extract_band(0, n=4)
    colours = inks.icc_transform(
        "srgb", input_profile="cmyk", embedded=False, intent="perceptual", depth=8
    )
    if image.bands == inks.bands:
        return colours
    alpha = image[4]
    return colours.bandjoin((alpha >> 8).cast("uchar") if alpha.format == "ushort" else alpha)


def palette_in_srgb(source: Source, facts: Facts) -> Palette:
    """Give the colours that a source's pixels have as sRGB."""
    row = colours_of(source, facts, profile_of(source, facts))
    frame = Frame(row.width, 1, facts.bands, facts.alpha)
    context = NodeContext(LoweringContext(source), facts, frame, frame)
    return Palette.of(lower_node(ToSrgb(facts.profile), row, context))


@lower_node.register
def _table(node: Table, image: Image, context: NodeContext) -> Image:
    if len(set(node.tables)) == 1 and not context.frame.alpha:
        return image.maplut(image_from_table(node.tables[:1]))
    return image.maplut(image_from_table(node.tables + (IDENTITY,) * context.frame.alpha))


@lower_node.register
def _luma(node: Luma, image: Image, context: NodeContext) -> Image:
    colours = image.extract_band(0, n=3) if context.frame.alpha else image
    grey = in_bytes(colours.recomb(LUMA), MARGIN).copy(interpretation="b-w")
    return grey.bandjoin(image[3]) if context.frame.alpha else grey


@lower_node.register
def _tint(node: Tint, image: Image, context: NodeContext) -> Image:
    grey = image[0] if context.frame.alpha else image
    colours = grey.maplut(image_from_table(node.tables)).copy(interpretation="srgb")
    return colours.bandjoin(image[1]) if context.frame.alpha else colours


@lower_node.register
def _toned(node: Toned, image: Image, context: NodeContext) -> Image:
    """Weight each colour in 16 bits; the mean of the three is the grey, in `STEPS` a level."""
    colours = image.extract_band(0, n=3) if context.frame.alpha else image
    weighed, tints = _tones(node)
    toned = colours.maplut(weighed).bandmean().maplut(tints).copy(interpretation="srgb")
    return toned.bandjoin(image[3]) if context.frame.alpha else toned


@lru_cache(maxsize=64)
def _tones(node: Toned) -> tuple[Image, Image]:
    """Make the tables that weight colours and tint greys; cached, for requests recur."""
    weighed = [
        [round(3 * STEPS * weight * value) for value in table]
        for weight, table in zip(LUMA[0], node.tables, strict=True)
    ]
    tints = (b"".join(bytes([value]) * STEPS for value in tint) for tint in node.tints)
    rounded = tuple(tint[1:] + tint[-1:] for tint in tints)  # never costs a whole level
    return image_from_words(weighed), image_from_table(rounded)


@lower_node.register
def _matrix(node: Matrix, image: Image, context: NodeContext) -> Image:
    colours = image.extract_band(0, n=3) if context.frame.alpha else image
    mixed = in_bytes(colours.recomb([list(row) for row in node.rows]))
    return mixed.bandjoin(image[3]) if context.frame.alpha else mixed


@lower_node.register
def _round_corners(node: RoundCorners, image: Image, context: NodeContext) -> Image:
    """Make the four corners from one, and put them where the rectangle has them."""
    cover = black(*context.frame.size).invert()
    corner, side = _corner(node.radius), ceil(node.radius)
    right, bottom = node.left + node.width - side, node.top + node.height - side
    for each, left, top in (
        (corner, node.left, node.top),
        (corner.fliphor(), right, node.top),
        (corner.flipver(), node.left, bottom),
        (corner.rot180(), right, bottom),
    ):
        if Box(left, top, side, side).within(context.frame.size) is not None:
            cover = cover.insert(each, left, top)
    if not context.given.alpha:
        return image.bandjoin(cover)
    alpha = in_bytes(image[3] * cover / 255)
    return image.extract_band(0, n=3).bandjoin(alpha)


def _corner(radius: float) -> Image:
    """Give how much the pixels of the upper left corner are covered, 0 to 255."""
    place = Image.xyz(ceil(radius), ceil(radius)).linear([-1, -1], [radius - 0.5, radius - 0.5])
    squares = place * place
    distance = (squares[0] + squares[1]) ** 0.5
    return in_bytes((distance * -1 + (radius + 0.5)) * 255)


@lower_node.register
def _premultiply(node: Premultiply, image: Image, context: NodeContext) -> Image:
    return in_bytes(image.premultiply())


@lower_node.register
def _unpremultiply(node: Unpremultiply, image: Image, context: NodeContext) -> Image:
    return in_bytes(image.unpremultiply())


@lower_node.register
def _clamp(node: Clamp, image: Image, context: NodeContext) -> Image:
    alpha = image[image.bands - 1]
    colours = image.extract_band(0, n=image.bands - 1)
    return colours.minpair(alpha).bandjoin(alpha).copy(interpretation="srgb")


@lower_node.register
def _flatten(node: Flatten, image: Image, context: NodeContext) -> Image:
    """Premultiplied colours only need the background added where alpha leaves room for it."""
    *background, opacity = node.background
    if opacity < 255:
        ground = image.new_from_image([*background, opacity])
        return in_bytes(ground.cast("float").composite2(image, "over"))
    if not node.premultiplied:
        return image.flatten(background=background)
    colours, alpha = image.extract_band(0, n=image.bands - 1), image[image.bands - 1]
    room = tuple(bytes(rnd((255 - a) * value / 255) for a in range(256)) for value in background)
    return (colours + alpha.maplut(image_from_table(room))).cast("uchar")
