"""The processor time of decoders and encoders, in nanoseconds for each pixel.

Measured with libvips 8.18 on photographs of 0.1 to 2 megapixels, on a core that did other things
too; see `docs/decisions/0120`. An image that is all grain takes up to twice as much, a flat one a
fraction.
"""

from functools import singledispatch

from engine.ir import Frame, QualitySearch, Save
from engine.schema import (
    KINDS,
    AvifOptions,
    GifOptions,
    JpegOptions,
    PngOptions,
    SaveOptions,
    TiffOptions,
    WebpOptions,
)
from engine.sources import Facts, SourceFormat

DEEP = 1.7  # times as long for 16 bits
WITH_ALPHA = 1.5  # times as long with alpha, where it is an image of its own
INTERLACED_PNG = 1.4  # times as long in seven passes
UNPACKED, REDUCED = 3.0, 3.0  # of a JPEG: its coefficients, and what is made of them
PROGRESSIVE = 20.0
CMYK, FOUR_INKS = 4, 30.0
DRAWN_SECONDS = 3.0  # that an SVG may take at least: nobody knows before it is drawn
COMPARED = 30.0  # to tell how near a file comes
SEARCHED, FITTED = 7, 4  # times that a quality is encoded where one is searched
DESCRIBED = 5.0

_DECODED = {
    SourceFormat.WEBP: 42.0,
    SourceFormat.GIF: 35.0,
    SourceFormat.TIFF: 35.0,
    SourceFormat.AVIF: 95.0,
    SourceFormat.HEIC: 160.0,
    SourceFormat.SVG: 100.0,
}
_PNG_SAMPLE = 8.5

# By effort; what lies between two of them takes as long as the next one.
_AVIF = {0: 300.0, 1: 500, 2: 800, 3: 1500, 4: 6500, 5: 9000, 6: 19_000, 7: 30_000, 9: 80_000}
_WEBP = {0: 50.0, 3: 65, 4: 140, 5: 250, 6: 350}
_WEBP_ALPHA = {0: 180.0, 2: 300, 3: 430, 4: 550, 5: 1900, 6: 25_000}
_WEBP_LOSSLESS = {0: 500.0, 2: 1200, 4: 2500, 6: 6000}
_PNG = {0: 5.0, 2: 65, 6: 120, 9: 350}
_GIF = {1: 500.0, 3: 600, 5: 1100, 7: 1900, 10: 4500}


def decoding(facts: Facts, reduced: float) -> float:
    """Return nanoseconds for each pixel of the source, of which a share is made: `reduced`."""
    alpha = WITH_ALPHA if facts.alpha else 1
    match facts.format:
        case SourceFormat.JPEG:
            inks = FOUR_INKS if facts.bands == CMYK else 0
            return (PROGRESSIVE if facts.interlaced else UNPACKED) + REDUCED * reduced + inks
        case SourceFormat.PNG:
            deep = DEEP if facts.depth > 8 else 1
            passes = INTERLACED_PNG if facts.interlaced else 1
            return _PNG_SAMPLE * (facts.bands + facts.alpha) * deep * passes
    return _DECODED[facts.format] * alpha


def encoding(save: Save, frame: Frame) -> float:
    """Return nanoseconds for each pixel that is written, with all that is tried and told of it."""
    options = save.options or KINDS[save.format.value]()
    once = _encoding(options, save.quality, frame)
    if save.search is not None:
        once = _searching(save.search, once, _read_again(save))
    if save.described:
        once += _read_again(save) + DESCRIBED
    return once


def _searching(search: QualitySearch, once: float, read: float) -> float:
    if search.least_ssim is None:
        return FITTED * once
    return SEARCHED * (once + read + COMPARED)


def _read_again(save: Save) -> float:
    return _DECODED.get(SourceFormat(save.format.value), 10.0)


@singledispatch
def _encoding(options: SaveOptions, quality: int, frame: Frame) -> float:
    raise TypeError(f"no encoder takes {type(options).__name__}")


@_encoding.register
def _(options: JpegOptions, quality: int, frame: Frame) -> float:
    if options.trellis:
        return 50
    return 20 if options.progressive or options.optimize else 4


@_encoding.register
def _(options: PngOptions, quality: int, frame: Frame) -> float:
    if options.palette:
        return 8500 if frame.alpha else 1500
    filters = 1.3 if options.filter == "all" else 1
    return _at(_PNG, options.compression) * filters * (frame.bands + frame.alpha) / 3


@_encoding.register
def _(options: WebpOptions, quality: int, frame: Frame) -> float:
    if options.lossless or options.near_lossless:
        again = 2.3 if options.near_lossless else 1
        return _at(_WEBP_LOSSLESS, options.effort) * again * (1.2 if frame.alpha else 1)
    rates = _WEBP_ALPHA if frame.alpha else _WEBP
    return _at(rates, options.effort) + 170 * bool(options.sharp)


@_encoding.register
def _(options: AvifOptions, quality: int, frame: Frame) -> float:
    full = options.subsampling == "4:4:4" or quality >= 90
    times = 1.6 if options.lossless else 1.5 if full else 1
    times *= WITH_ALPHA if frame.alpha else 1
    return _at(_AVIF, options.effort) * times * (1.4 if options.bits > 8 else 1)


@_encoding.register
def _(options: GifOptions, quality: int, frame: Frame) -> float:
    return _at(_GIF, options.effort)


@_encoding.register
def _(options: TiffOptions, quality: int, frame: Frame) -> float:
    return {"deflate": 90, "lzw": 60, "packbits": 10}.get(options.compression, 5)


def _at(rates: dict[int, float], effort: float) -> float:
    return next(rate for most, rate in rates.items() if effort <= most)
