"""Opens sources of each format, and encodes results with libvips' options.

What is encoded is upright sRGB, and carries nothing of the source's metadata but `labels`.
"""

from collections.abc import Mapping
from functools import singledispatch
from types import MappingProxyType
from typing import Any

from engine.describe import SIDE
from engine.ir import Save
from engine.raster import Raster
from engine.schema import (
    KINDS,
    AvifOptions,
    Format,
    GifOptions,
    JpegOptions,
    PngOptions,
    SaveOptions,
    TiffOptions,
    WebpOptions,
)
from engine.sources import (
    EXIF,
    IPTC,
    XMP,
    Content,
    Facts,
    PartialSource,
    Source,
    SourceFormat,
    gif,
    heif,
)
from engine.vips import heic
from engine.vips.binding import Image, field_names, open_image
from engine.vips.corrections import corrected
from engine.vips.images import (
    PROFILE,
    as_raster,
    at_the_usual_resolution,
    labelled,
    one_grey,
)
from engine.vips.palettes import Palette
from engine.vips.tiff import open_tiff

SUBSAMPLING = {"auto": "auto", "4:2:0": "on", "4:4:4": "off"}
FILTERS = {"average": "avg"}
NO_LABELS: Mapping[str, bytes] = MappingProxyType({})
LOSSLESS_EFFORT = 75  # what lossless WebP takes quality for
WEBP_ANIMATION, WEBP_ALPHA = 0x02, 0x10  # flags of a VP8X chunk


def load(
    source: Source | PartialSource,
    source_format: SourceFormat,
    shrink: int = 1,
    pages: int = 1,
    tolerant: bool = False,
) -> Image:
    """Open a source at full size, or a JPEG at 1/2, 1/4 or 1/8 of it.

    Frames of an animation are given below each other. If `tolerant`, what cannot be read is
    left out.
    """
    if source_format is SourceFormat.TIFF:
        return open_tiff(source, tolerant=tolerant)
    if source_format is SourceFormat.HEIC:
        return corrected(heic.open_pixels(_whole(source)), source.content, source_format)
    if _has_other_header(source.content, source_format):
        source = _whole(source)
    options: dict[str, Any] = {"fail_on": "none"} if tolerant else {}
    options |= {"shrink": shrink} if shrink > 1 else {"n": pages} if pages > 1 else {}
    if source_format is SourceFormat.GIF and gif.lacks_a_corner(source.content):
        options["page"] = 1
    return corrected(open_image(source, source_format, **options), source.content, source_format)


def _has_other_header(content: Content, source_format: SourceFormat) -> bool:
    """Tell whether libvips is given another header than the file's, or one frame more."""
    if source_format is SourceFormat.AVIF:
        return heif.needs_mending(content)
    return source_format is SourceFormat.GIF and gif.is_open(content)


def open_header(
    source: Source | PartialSource, source_format: SourceFormat, tolerant: bool = False
) -> Image:
    """Open a source for what its header says; its pixels are not to be asked for."""
    if source_format is SourceFormat.HEIC:
        return corrected(heic.open_header(_whole(source)), source.content, source_format)
    return load(source, source_format, tolerant=tolerant)


def _whole(source: Source | PartialSource) -> Source:
    """Give a source all of which is at hand, or raise MissingBytes."""
    if isinstance(source, Source):
        return source
    source.content.require_all()
    return Source(source.content[:])


def reread(data: bytes, written: Format, *, last: bool = False) -> Raster:
    """Decode a result in 8 bits: its first frame, or its last one."""
    source, kind = Source(data), SourceFormat(written.value)
    image = load(source, kind)
    pages = image.get("n-pages") if last and b"n-pages" in field_names(image) else 1
    if pages > 1:
        strip = load(source, kind, pages=pages)
        image = strip.crop(0, strip.height - image.height, image.width, image.height)
    return as_raster(image.cast("uchar", shift=image.format == "ushort"))


def profile_of(source: Source, facts: Facts) -> bytes:
    """Read the ICC profile that a source's colours are converted through; empty without one."""
    return bytes(open_header(source, facts.format).get(PROFILE)) if facts.profile else b""


def miniature(data: bytes, written: Format) -> Raster:
    """Decode a result, or its first frame, and scale it down to at most `SIDE` pixels a side."""
    source, kind = Source(data), SourceFormat(written.value)
    image = load(source, kind)
    spare = max(image.width, image.height) // (2 * SIDE)
    if written is Format.JPEG and spare > 1:
        image = load(source, kind, shrink=min(8, 1 << (spare.bit_length() - 1)))
    image = image.cast("uchar", shift=image.format == "ushort")
    return as_raster(image.thumbnail_image(SIDE, height=SIDE, size="down"))


def encode(
    image: Image,
    save: Save,
    labels: Mapping[str, bytes] = NO_LABELS,
    palette: Palette | None = None,
) -> bytes:
    """Pull an image through its pipeline and write it; pyvips.Error if that fails.

    `labels` are the only metadata that is written, by their names in libvips. `palette` has the
    colours of an image that is written as places among them.
    """
    options = save.options or KINDS[save.format.value]()
    settings = settings_of(options, save.quality)
    labels = {name: labels[name] for name in PLACES[save.format] & labels.keys()}
    keep = "exif|xmp|iptc" if labels else "none"
    if save.packed:
        settings |= {"bitdepth": save.packed.bits}
        image = palette.places(image) if palette else one_grey(image)
    image = at_the_usual_resolution(image)
    made = bytes(SAVERS[save.format](labelled(image, labels), keep=keep, **settings))
    if save.format is Format.WEBP and image.hasalpha():
        made = _with_alpha_flag(made)
    return palette.written_into(made) if palette else made


def _with_alpha_flag(webp: bytes) -> bytes:
    """Set the alpha flag of an animation, after which viewers treat its canvas as transparent.

    libwebp sets it only if a frame has alpha, but opaque frames may leave parts of the canvas
    uncovered. The container is described in RFC 9649, section 2.7.
    """
    extended, flags = webp[12:16] == b"VP8X", webp[20]
    if not extended or not flags & WEBP_ANIMATION:
        return webp
    return b"".join((webp[:20], bytes([flags | WEBP_ALPHA]), webp[21:]))


# Where libvips has a place for labels; of TIFF's IPTC it writes a quarter.
PLACES: dict[Format, set[str]] = {
    Format.JPEG: {EXIF, XMP, IPTC},
    Format.PNG: {EXIF, XMP},
    Format.WEBP: {EXIF, XMP},
    Format.GIF: set(),
    Format.AVIF: {EXIF, XMP},
    Format.TIFF: {XMP},
}
SAVERS = {
    Format.JPEG: Image.jpegsave_buffer,
    Format.PNG: Image.pngsave_buffer,
    Format.WEBP: Image.webpsave_buffer,
    Format.GIF: Image.gifsave_buffer,
    Format.AVIF: Image.heifsave_buffer,
    Format.TIFF: Image.tiffsave_buffer,
}


@singledispatch
def settings_of(options: SaveOptions, quality: int) -> dict[str, Any]:
    """Give the saver's arguments for a format's options."""
    raise TypeError(f"no saver takes {type(options).__name__}")


@settings_of.register
def _jpeg(options: JpegOptions, quality: int) -> dict[str, Any]:
    return {
        "Q": quality,
        "interlace": bool(options.progressive),
        "optimize_coding": bool(options.optimize),
        "trellis_quant": bool(options.trellis),
        "subsample_mode": SUBSAMPLING[options.subsampling],
    }


@settings_of.register
def _png(options: PngOptions, quality: int) -> dict[str, Any]:
    settings = {
        "compression": int(options.compression),
        "filter": FILTERS.get(options.filter, str(options.filter)),
        "interlace": bool(options.progressive),
    }
    if options.palette:
        palette = {"palette": True, "Q": quality, "bitdepth": int(options.bits)}
        settings |= palette | {"dither": float(options.dither)}
    return settings


@settings_of.register
def _webp(options: WebpOptions, quality: int) -> dict[str, Any]:
    return {
        "Q": LOSSLESS_EFFORT if options.lossless else quality,
        "effort": int(options.effort),
        "lossless": bool(options.lossless),
        "near_lossless": bool(options.near_lossless),
        "alpha_q": int(options.alpha_quality),
        "smart_subsample": bool(options.sharp),
    }


@settings_of.register
def _gif(options: GifOptions, quality: int) -> dict[str, Any]:
    return {
        "effort": int(options.effort),
        "bitdepth": int(options.bits),
        "dither": float(options.dither),
        "interlace": bool(options.progressive),
        "keep_duplicate_frames": True,
    }


@settings_of.register
def _avif(options: AvifOptions, quality: int) -> dict[str, Any]:
    return {
        "compression": "av1",
        "Q": quality,
        "effort": int(options.effort),
        "lossless": bool(options.lossless),
        "subsample_mode": SUBSAMPLING[options.subsampling],
        "bitdepth": int(options.bits),
    }


@settings_of.register
def _tiff(options: TiffOptions, quality: int) -> dict[str, Any]:
    return {
        "compression": str(options.compression),
        "predictor": "horizontal" if options.predictor else "none",
        "tile": bool(options.tile),
        "Q": quality,
    }
