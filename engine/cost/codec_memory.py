"""What decoders and encoders take beside the rows that stream through them.

Some keep the whole picture, whatever is done before or after. How much depends on the
pixels: a flat picture takes least, one that is all grain takes most, above all in the file
that is written. The figures are bytes a pixel, measured with libvips 8.18 on flat pictures
and on noise; `docs/decisions/0113` tells how.
"""

from functools import singledispatch
from typing import NamedTuple

from engine.ir import Frame, Save
from engine.limits import LARGEST_KEPT_BUFFER
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

AV1_STARTS = 4_500_000  # bytes that libaom and dav1d take for any picture
SEARCHED = 2_500_000  # bytes of libwebp's choice between ways, from effort 4 on
REPEATS = 11_000_000  # bytes of libwebp's search for repeated pixels in alpha, at effort 6
COLOURS_COUNTED = 100_000_000  # bytes at most in which a palette's colours are counted
COPIES = 2  # of a file: libvips' own, and the one that is handed on


class Taken(NamedTuple):
    """Bytes that a coder takes, for a flat picture and for one that is all grain."""

    least: int
    most: int


class _Pixel(NamedTuple):
    """The same for each pixel, with what is taken whatever the picture is."""

    least: float
    most: float
    always: int = 0

    def times(self, pixels: int) -> Taken:
        return Taken(round(self.least * pixels), round(self.most * pixels) + self.always)


def decoder(facts: Facts, pages: int) -> Taken:
    """Predict what a decoder keeps of the source, at whatever scale it is read."""
    taken = _decoded(facts).times(facts.size.pixels)
    if pages == 1 or facts.format is not SourceFormat.WEBP:
        return taken
    strip = facts.size.pixels * pages * (3 + facts.alpha)
    return taken._replace(most=taken.most + min(strip, LARGEST_KEPT_BUFFER))


def _decoded(facts: Facts) -> _Pixel:
    if facts.interlaced and facts.format in {SourceFormat.JPEG, SourceFormat.PNG}:
        return _interlaced(facts)
    return _WHOLE[facts.format]


_WHOLE = {
    SourceFormat.JPEG: _Pixel(0, 0),
    SourceFormat.PNG: _Pixel(0, 0),
    SourceFormat.WEBP: _Pixel(14, 18),
    SourceFormat.GIF: _Pixel(4, 4.5),
    SourceFormat.AVIF: _Pixel(14, 17, AV1_STARTS),
    SourceFormat.TIFF: _Pixel(0, 0),
    SourceFormat.HEIC: _Pixel(14, 17, AV1_STARTS),
    SourceFormat.SVG: _Pixel(0, 8),
}


def _interlaced(facts: Facts) -> _Pixel:
    """A progressive JPEG's coefficients have two bytes, less of them at 4:2:0; PNG its samples."""
    samples = facts.bands + facts.alpha
    if facts.format is SourceFormat.JPEG:
        return _Pixel(0.9 * samples, 2 * samples)
    return _Pixel(0.8 * samples * facts.depth / 8, samples * facts.depth / 8)


def encoder(save: Save, frame: Frame) -> Taken:
    """Predict what an encoder takes: of the picture, frame by frame, and for its file."""
    options = save.options or KINDS[save.format.value]()
    least, most = _kept(options, save.quality, frame).times(frame.size.pixels)
    return Taken(least, most + COPIES * file_bytes(save, frame))


def file_bytes(save: Save, frame: Frame) -> int:
    """Predict how long the file of a picture gets that is all grain."""
    options = save.options or KINDS[save.format.value]()
    return round(_written(options, save.quality, frame) * frame.size.pixels * frame.pages)


@singledispatch
def _kept(options: SaveOptions, quality: int, frame: Frame) -> _Pixel:
    """Tell what an encoder keeps of each pixel beside the file."""
    raise TypeError(f"no encoder takes {type(options).__name__}")


@_kept.register
def _(options: JpegOptions, quality: int, frame: Frame) -> _Pixel:
    if not (options.progressive or options.optimize or options.trellis):
        return _Pixel(0, 0)
    return _Pixel(11, 12.5) if _fine(options.subsampling, quality) else _Pixel(5.5, 6.5)


@_kept.register
def _(options: PngOptions, quality: int, frame: Frame) -> _Pixel:
    raw = 3 + frame.alpha
    if options.palette:
        return _Pixel(6, 7, min(60 * frame.size.pixels, COLOURS_COUNTED))
    return _Pixel(raw, 2 * raw) if options.progressive else _Pixel(0, 0)


@_kept.register
def _(options: GifOptions, quality: int, frame: Frame) -> _Pixel:
    steps = ((3, 10, 0.2), (5, 36, 0.7), (7, 46, 1.0), (10, 58, 1.2))  # by effort
    each, share = next((each, share) for most, each, share in steps if options.effort <= most)
    counted = min(each * frame.size.pixels, round(share * COLOURS_COUNTED))
    return _Pixel(9, 15, counted)


@_kept.register
def _(options: WebpOptions, quality: int, frame: Frame) -> _Pixel:
    if options.lossless or options.near_lossless:
        return _Pixel(9, 46)
    canvases = 26 * (frame.pages > 1)
    if frame.alpha and options.effort > 5:
        return _Pixel(30, 68 + canvases, REPEATS)
    tokens = 4.5 * _lossy(quality)
    most = (42 if frame.alpha else 8) + tokens + 12 * bool(options.sharp) + canvases
    if options.effort > 3:
        return _Pixel(13 if frame.alpha else 4, most + 5.5, SEARCHED)
    return _Pixel(13 if frame.alpha else 4, most)


@_kept.register
def _(options: AvifOptions, quality: int, frame: Frame) -> _Pixel:
    veil = frame.alpha
    if options.lossless:
        return _Pixel(19 + 10 * veil, 58 + 15 * veil, AV1_STARTS)
    fine = _fine(options.subsampling, quality)
    deep = 1.4 if options.bits > 8 else 1
    least, most = 13 + 10 * veil + 6 * fine, 27 + 15 * veil + 16 * fine
    return _Pixel(least * deep, most * deep, AV1_STARTS)


@_kept.register
def _(options: TiffOptions, quality: int, frame: Frame) -> _Pixel:
    return _Pixel(0, bool(options.tile))


@singledispatch
def _written(options: SaveOptions, quality: int, frame: Frame) -> float:
    """Tell what comes to stand in the file for each pixel of grain: as it is, unless told."""
    return 3 + frame.alpha


@_written.register
def _(options: JpegOptions | AvifOptions, quality: int, frame: Frame) -> float:
    if isinstance(options, AvifOptions) and options.lossless:
        return 3 + frame.alpha
    return _lossy(quality) * (2 if _fine(options.subsampling, quality) else 1)


@_written.register
def _(options: WebpOptions, quality: int, frame: Frame) -> float:
    if options.lossless or options.near_lossless:
        return 3 + frame.alpha
    return _lossy(quality) + frame.alpha


@_written.register
def _(options: TiffOptions, quality: int, frame: Frame) -> float:
    return _lossy(quality) if options.compression == "jpeg" else 3 + frame.alpha


@_written.register
def _(options: GifOptions, quality: int, frame: Frame) -> float:
    return 1.4


@_written.register
def _(options: PngOptions, quality: int, frame: Frame) -> float:
    return 1 if options.palette else 3 + frame.alpha


def _fine(subsampling: str, quality: int) -> bool:
    """Whether colours are stored for every pixel; "auto" does so from quality 90 on."""
    return subsampling == "4:4:4" or (subsampling == "auto" and quality >= 90)


def _lossy(quality: int) -> float:
    """Give the bytes a pixel of grain at 4:2:0; quality costs most near its end."""
    usual = min(1.0, max(0, quality - 70) / 20)
    high = max(0, quality - 90) / 10
    return 0.3 + 0.3 * usual + 1.27 * high * high
