"""Reading and writing each format: libvips' options, one function per format.

Nothing of the source's metadata is kept: the pixels are upright sRGB by then.
"""

from functools import singledispatch
from typing import Any

from engine.facts import SourceFormat
from engine.ir import Save
from engine.saving import (
    KINDS,
    AvifOptions,
    GifOptions,
    JpegOptions,
    PngOptions,
    SaveOptions,
    TiffOptions,
    WebpOptions,
)
from engine.source import Source
from engine.vips import Image, open_image

SUBSAMPLING = {"auto": "auto", "4:2:0": "on", "4:4:4": "off"}
FILTERS = {"average": "avg"}
LOSSLESS_EFFORT = 75  # what lossless WebP takes quality for


def load(source: Source, picture_format: SourceFormat, shrink: int = 1, pages: int = 1) -> Image:
    """Open a source at full size, or a JPEG at 1/2, 1/4 or 1/8 of it.

    Frames of an animation are given below each other.
    """
    options = {"shrink": shrink} if shrink > 1 else {"n": pages} if pages > 1 else {}
    return open_image(source, picture_format, **options)


def encode(image: Image, save: Save) -> bytes:
    """Pull an image through its pipeline and write it; pyvips.Error if that fails."""
    options = save.options or KINDS[save.format.value]()
    return bytes(write(options, image, save.quality))


@singledispatch
def write(options: SaveOptions, image: Image, quality: int) -> Any:
    """Write an image in the format that the options are of."""
    raise NotImplementedError(type(options).__name__)


@write.register
def _jpeg(options: JpegOptions, image: Image, quality: int) -> Any:
    return image.jpegsave_buffer(
        Q=quality,
        interlace=bool(options.progressive),
        optimize_coding=bool(options.optimize),
        trellis_quant=bool(options.trellis),
        subsample_mode=SUBSAMPLING[options.subsampling],
        keep="none",
    )


@write.register
def _png(options: PngOptions, image: Image, quality: int) -> Any:
    palette = {"palette": True, "Q": quality, "dither": options.dither}
    return image.pngsave_buffer(
        compression=int(options.compression),
        filter=FILTERS.get(options.filter, str(options.filter)),
        interlace=bool(options.progressive),
        **({**palette, "bitdepth": int(options.bits)} if options.palette else {}),
        keep="none",
    )


@write.register
def _webp(options: WebpOptions, image: Image, quality: int) -> Any:
    return image.webpsave_buffer(
        Q=LOSSLESS_EFFORT if options.lossless else quality,
        effort=int(options.effort),
        lossless=bool(options.lossless),
        near_lossless=bool(options.near_lossless),
        alpha_q=int(options.alpha_quality),
        smart_subsample=bool(options.sharp),
        keep="none",
    )


@write.register
def _gif(options: GifOptions, image: Image, quality: int) -> Any:
    return image.gifsave_buffer(
        effort=int(options.effort),
        bitdepth=int(options.bits),
        dither=options.dither,
        interlace=bool(options.progressive),
        keep_duplicate_frames=True,
        keep="none",
    )


@write.register
def _avif(options: AvifOptions, image: Image, quality: int) -> Any:
    return image.heifsave_buffer(
        compression="av1",
        Q=quality,
        effort=int(options.effort),
        lossless=bool(options.lossless),
        subsample_mode=SUBSAMPLING[options.subsampling],
        bitdepth=int(options.bits),
        keep="none",
    )


@write.register
def _tiff(options: TiffOptions, image: Image, quality: int) -> Any:
    return image.tiffsave_buffer(
        compression=str(options.compression),
        predictor="horizontal" if options.predictor else "none",
        tile=bool(options.tile),
        Q=quality,
        keep="none",
    )
