"""Idioms on images that more than one node is lowered with: tables, masks, caches, metadata."""

from array import array
from collections.abc import Iterable, Mapping, Sequence

from engine.vips.binding import GValue, Image, Interpolate, VipsError

PIXEL_FIELDS = {
    "width", "height", "bands", "format", "coding", "interpretation",
    "xoffset", "yoffset", "xres", "yres", "filename", "vips-sequential",
}  # fmt: skip


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
    """Convert to sRGB of the same depth through the embedded profile, if that one fits."""
    depth = 16 if image.format == "ushort" else 8
    try:
        return image.icc_transform("srgb", embedded=True, intent="perceptual", depth=depth)
    except VipsError:
        return image


def bare_srgb(image: Image) -> Image:
    """Call the pixels sRGB, and drop everything else that the picture says of itself.

    Savers write some of it whatever they are told: orientation, pages, bits a sample.
    """
    bare = image.copy(interpretation="srgb")
    for name in set(bare.get_fields()) - PIXEL_FIELDS:
        bare.remove(name)
    return bare


def labels_of(image: Image) -> dict[str, bytes]:
    """Give a picture's metadata: EXIF, XMP and IPTC as they lie in its file."""
    names = {"exif-data", "xmp-data", "iptc-data"} & set(image.get_fields())
    return {name: bytes(image.get(name)) for name in names}


def labelled(image: Image, labels: Mapping[str, bytes]) -> Image:
    """Give a picture metadata; the same picture if there is none to give."""
    if labels:
        image = image.copy()
    for name, label in labels.items():
        image.set_type(GValue.blob_type, name, label)
    return image


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


TILE = 128  # pixels a side, as libvips asks of operations that turn a picture


def cache_tiles(image: Image) -> Image:
    """Cache two rows of tiles, for nodes that read the output of a rotation many times.

    A line cache would request whole rows of a rotation, for each of which it needs a large part
    of the image that it rotates: ten times the memory and five times the time.
    """
    tiles = 2 * (image.width // TILE + 2)
    return image.tilecache(tile_width=TILE, tile_height=TILE, max_tiles=tiles)


def in_bytes(image: Image, addend: float = 0.5) -> Image:
    """Give a picture of floats in 8 bits: `addend` is added, fractions are dropped.

    `linear` with `uchar` gives the same pixels, and takes three times as long.
    """
    return (image + addend).cast("uchar")


def black(width: int, height: int) -> Image:
    """Make an image of one band of zeros."""
    return Image.black(width, height)


def interpolator(name: str) -> Interpolate:
    """Give one of libvips' interpolators."""
    return Interpolate.new(name)
