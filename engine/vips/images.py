"""Operations on images that several nodes share: tables, masks, caches, metadata."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from math import cos, radians, sin
from typing import TypeAlias

from engine.geometry import Size, rnd
from engine.raster import Raster, step_of
from engine.sources import EXIF, IPTC, XMP
from engine.sources.metadata import icc
from engine.vips.binding import (
    GValue,
    Image,
    Interpolate,
    VipsError,
    field_names,
    remove_field,
)

Pixels: TypeAlias = Image | Raster
PROFILE = "icc-profile-data"
SHALLOW = {"rgb16": "srgb", "grey16": "b-w"}  # or alpha would lose 8 bits once more
PIXEL_FIELDS = {
    b"width", b"height", b"bands", b"format", b"coding", b"interpretation",
    b"xoffset", b"yoffset", b"xres", b"yres", b"filename", b"vips-sequential",
}  # fmt: skip
WHITE = {"uchar": 255, "ushort": 65_535, "float": 1.0}
RESOLUTION = 72 / 25.4  # pixels a millimetre, which PNG and TIFF cannot leave out


def animation(stills: Iterable[Image], delays: Sequence[int], loop: int) -> Image:
    """Put frames below each other, as savers want them, each made before the next.

    `delays` are milliseconds, one for each frame; `loop` counts how often all are shown.
    """
    frames = [still.copy_memory() for still in stills]
    strip = Image.arrayjoin(frames, across=1).copy()
    strip.set_type(GValue.gint_type, "page-height", frames[0].height)
    strip.set_type(GValue.array_int_type, "delay", list(delays))
    strip.set_type(GValue.gint_type, "loop", loop)
    return strip


def through_profile(image: Image) -> Image:
    """Convert to 8-bit sRGB through the embedded profile, if that one fits.

    Of 16 bits lcms makes a coarse table, which is out by 15 levels where a wide gamut's edge is
    clipped. So the upper 8 are taken, and floats where a profile describes light itself.
    """
    deep = image.format == "ushort"
    try:
        if deep and icc.is_linear(bytes(image.get(PROFILE))):
            light = image.icc_import(embedded=True, intent="perceptual")
            return light.icc_export(output_profile="srgb", intent="perceptual", depth=8)
        eight = (image >> 8).cast("uchar") if deep else image
        eight = eight.copy(interpretation=SHALLOW.get(image.interpretation, image.interpretation))
        return eight.icc_transform("srgb", embedded=True, intent="perceptual", depth=8)
    except VipsError:
        return image


def three_colours(image: Image) -> Image:
    """Give grey three equal bands."""
    if image.bands > 2:
        return image
    return image[0].bandjoin([image[band] for band in (0, 0, *range(1, image.bands))])


def one_grey(image: Image) -> Image:
    """Give the one band that three equal ones are, beside alpha."""
    grey = image[1]
    grey = grey.bandjoin(image[3]) if image.bands == 4 else grey
    return grey.copy(interpretation="b-w")


def bare_srgb(image: Image) -> Image:
    """Call the pixels sRGB, and drop everything else that the image says of itself.

    Savers write some of it whatever they are told: orientation, pages, bits a sample.
    """
    bare = image.copy(interpretation="srgb", xres=RESOLUTION, yres=RESOLUTION)
    for name in set(field_names(bare)) - PIXEL_FIELDS:
        remove_field(bare, name)
    return bare


def at_the_usual_resolution(image: Image) -> Image:
    """Let an image say 72 dots an inch, whatever operations have made of that."""
    if (image.xres, image.yres) == (RESOLUTION, RESOLUTION):
        return image
    return image.copy(xres=RESOLUTION, yres=RESOLUTION)


def labels_of(image: Image) -> dict[str, bytes]:
    """Give an image's metadata: EXIF, XMP and IPTC as they lie in its file."""
    found = field_names(image)
    return {name: bytes(image.get(name)) for name in (EXIF, XMP, IPTC) if name.encode() in found}


def labelled(image: Image, labels: Mapping[str, bytes]) -> Image:
    """Give an image metadata; the same image if there is none to give."""
    if labels:
        image = image.copy()
    for name, label in labels.items():
        image.set_type(GValue.blob_type, name, label)
    return image


def unmultiplied(image: Image) -> Image:
    """Divide the colours of an image by its opacity."""
    straight = image.unpremultiply(max_alpha=WHITE[image.format])
    whole = image.format != "float"
    return (straight + 0.5).cast(image.format) if whole else straight


def image_from_table(tables: tuple[bytes, ...]) -> Image:
    """Make a look-up image: one band for each table, all of one length."""
    entries = bytearray(len(tables[0]) * len(tables))
    for band, table in enumerate(tables):
        entries[band :: len(tables)] = table
    return Image.new_from_memory(bytes(entries), len(tables[0]), 1, len(tables), "uchar")


def image_from_words(tables: list[list[int]]) -> Image:
    """Make a look-up image of 16-bit entries: one band for each table, all of one length."""
    entries = array("H", (value for entry in zip(*tables, strict=True) for value in entry))
    return Image.new_from_memory(entries.tobytes(), len(tables[0]), 1, len(tables), "ushort")


def image_from_numbers(numbers: Iterable[float], code: str) -> Image:
    """Make a look-up image of one band; `code` is the array's: ``f`` floats, ``I`` whole."""
    entries = array(code, numbers)
    band_format = {"f": "float", "I": "uint"}[code]
    return Image.new_from_memory(entries.tobytes(), len(entries), 1, 1, band_format)


def mask_image(rows: list[list[float]], scale: float = 1, offset: float = 0) -> Image:
    """Make a convolution mask: the weighted sum is divided by `scale`, then `offset` added."""
    return Image.new_from_array(rows, scale=scale, offset=offset)


def cache_rows(image: Image) -> Image:
    """Cache the rows around the one being read, for nodes that read each pixel many times.

    Without it libvips would compute the rows again for every reader.
    """
    return image.linecache(tile_height=16, access="sequential")


TILE = 128  # pixels a side, as libvips asks of operations that turn an image


def cache_tiles(image: Image) -> Image:
    """Cache two rows of tiles, for nodes that read the output of a rotation many times.

    A line cache would request whole rows of a rotation, for each of which it needs a large part
    of the image that it rotates: ten times the memory and five times the time.
    """
    tiles = 2 * (image.width // TILE + 2)
    return image.tilecache(tile_width=TILE, tile_height=TILE, max_tiles=tiles)


def in_bytes(image: Image, addend: float = 0.5) -> Image:
    """Give an image of floats in 8 bits: `addend` is added, fractions are dropped.

    `linear` with `uchar` gives the same pixels, and takes three times as long.
    """
    return (image + addend).cast("uchar")


def laid_over(under: Image, over: Image) -> Image:
    """Lay an image over another one of its size that has alpha, source over."""
    return in_bytes(under.cast("float").composite2(over, "over"))


def greatest(images: Sequence[Image]) -> Image:
    """Give the greatest of what images have at each place."""
    first, *others = images
    return first.bandrank(others, index=len(others)) if others else first


def faded(image: Image, share: float) -> Image:
    """Give an image of three colours, with or without alpha, a share of its opacity."""
    if not image.hasalpha():
        image = image.addalpha()
    shares = image_from_table((bytes(rnd(alpha * share) for alpha in range(256)),))
    return image.extract_band(0, n=3).bandjoin(image[3].maplut(shares))


def rotated(image: Image, degrees: float, size: Size, ground: Sequence[float]) -> Image:
    """Rotate a premultiplied image clockwise, centre to centre of a canvas of a size.

    `ground` is what the image does not cover: a number for each band. libvips' `rotate` moves
    by up to a pixel, so the displacements are explicit here.
    """
    cosine, sine = cos(radians(degrees)), sin(radians(degrees))
    return image.affine(
        [cosine, -sine, sine, cosine],
        interpolate=interpolator("bicubic"),
        oarea=[0, 0, *size],
        idx=-(image.width - 1) / 2,
        idy=-(image.height - 1) / 2,
        odx=(size.width - 1) / 2,
        ody=(size.height - 1) / 2,
        extend="background",
        background=list(ground),
        premultiplied=image.hasalpha(),
    )


def black(width: int, height: int) -> Image:
    """Make an image of one band of zeros."""
    return Image.black(width, height)


def interpolator(name: str) -> Interpolate:
    """Give one of libvips' interpolators."""
    return Interpolate.new(name)


def as_image(pixels: Pixels) -> Image:
    """Give pixels to libvips, copied only if they are not packed."""
    if not isinstance(pixels, Raster):
        return pixels
    size = pixels.width, pixels.height, pixels.bands
    image = Image.new_from_memory(pixels.packed, *size, "uchar")
    space = "b-w" if pixels.bands == 1 else "srgb"
    return image.copy(interpretation=space, xres=RESOLUTION, yres=RESOLUTION)


def as_raster(pixels: Pixels) -> Raster:
    """Evaluate an image of 8 bits into memory."""
    if isinstance(pixels, Raster):
        return pixels
    width, height, bands = pixels.width, pixels.height, pixels.bands
    if step_of(bands) > bands:
        pixels = pixels.bandjoin(255)
    return Raster(width, height, bands, memoryview(pixels.write_to_memory()))
