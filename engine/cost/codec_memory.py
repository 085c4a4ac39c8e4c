"""The memory that decoders and encoders need, besides the rows that stream through them.

Some keep the whole image, whatever comes before or after them. How much depends on the
pixels: a flat image needs least, one that is all grain needs most, above all for the file
that is written. The figures are bytes a pixel, measured with libvips 8.18 on flat images
and on noise; see `docs/decisions/0113`.
"""

from functools import singledispatch
from typing import NamedTuple

from msgspec.structs import replace

from engine.ir import Frame, Save
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

HEVC_STARTS = 6_000_000  # bytes of libde265, and of pi-heif where it was not loaded before
AV1_STARTS = 4_500_000  # bytes that libaom and dav1d take for any image
SEARCHED = 2_500_000  # bytes of libwebp's choice between ways, from effort 4 on
REPEATS = 11_000_000  # bytes of libwebp's search for repeated pixels in alpha, at effort 6
COLOURS_COUNTED = 100_000_000  # bytes at most in which a palette's colours are counted
COMPARED = 12_000_000  # bytes at most in which two images are compared
PACKING = 2_000_000  # bytes of rows from which grey or places in a palette are made
DESCRIBING = 11_000_000  # bytes in which a result is scaled down, and numpy counts its colours
COPIES = 2  # of a file: libvips' own, and the one that is handed on


class CodecMemory(NamedTuple):
    """Bytes that a codec needs, for a flat image and for one that is all grain."""

    least: int
    most: int


class _PerPixel(NamedTuple):
    """The same for each pixel, and the bytes that any image needs."""

    least: float
    most: float
    constant: int = 0

    def of(self, pixels: int) -> CodecMemory:
        return CodecMemory(round(self.least * pixels), round(self.most * pixels) + self.constant)


def decoder(facts: Facts, pages: int) -> CodecMemory:
    """Predict the memory of a decoder, at whatever scale the source is read."""
    memory = _decoded(facts).of(max(facts.size.pixels, facts.coded_pixels))
    if facts.decoder_bytes:
        return CodecMemory(0, facts.decoder_bytes)  # fewer where only a part is read
    if pages == 1 or facts.format is not SourceFormat.WEBP:
        return memory
    strip = facts.size.pixels * pages * (3 + facts.alpha)
    return memory._replace(most=memory.most + strip)


def _decoded(facts: Facts) -> _PerPixel:
    if facts.interlaced and facts.format in {SourceFormat.JPEG, SourceFormat.PNG}:
        return _interlaced(facts)
    if facts.format is SourceFormat.HEIC:
        return _heic(facts)
    if facts.format is SourceFormat.AVIF and facts.depth > 8:
        return _DEEP_AVIF
    return _WHOLE[facts.format]


_WHOLE = {
    SourceFormat.JPEG: _PerPixel(0, 0),
    SourceFormat.PNG: _PerPixel(0, 0),
    SourceFormat.WEBP: _PerPixel(12, 18),
    SourceFormat.GIF: _PerPixel(4, 12.5),  # its frames are decoded twice, from copies of 1.4 each
    SourceFormat.AVIF: _PerPixel(14, 18, AV1_STARTS),
    SourceFormat.TIFF: _PerPixel(0, 0),
    SourceFormat.SVG: _PerPixel(0, 8),
}
_DEEP_AVIF = _PerPixel(14, 25, AV1_STARTS)  # at 4:4:4, which the header does not tell


def _interlaced(facts: Facts) -> _PerPixel:
    """A progressive JPEG's coefficients have two bytes, less of them at 4:2:0; PNG its samples."""
    samples = facts.bands + facts.alpha
    if facts.format is SourceFormat.JPEG:
        return _PerPixel(0.9 * samples, 2 * samples)
    return _PerPixel(0.8 * samples * facts.depth / 8, samples * facts.depth / 8)


def _heic(facts: Facts) -> _PerPixel:
    """Planes as they were coded and as they were copied, and the pixels made of them.

    What is deep and coded in large tiles takes most, be its colours subsampled.
    """
    each = (facts.bands + facts.alpha) * facts.depth / 8
    most = 3.9 if facts.depth > 8 else 2.2 if facts.subsampled else 3.1
    return _PerPixel(1.5 * each, most * each, HEVC_STARTS)


def encoder(save: Save, frame: Frame) -> CodecMemory:
    """Predict the memory of an encoder: for the image, frame by frame, and for its file."""
    if save.search is not None:
        return _searched(save, frame)
    if save.described:
        return _described(save, frame)
    options, written = save.options or KINDS[save.format.value](), _written(save, frame)
    least, most = _encoder_memory(options, save.quality, written).of(frame.size.pixels)
    most += PACKING * (save.packed is not None)
    return CodecMemory(least, most + COPIES * file_bytes(save, frame))


def _described(save: Save, frame: Frame) -> CodecMemory:
    """Predict the memory of a description: the file is decoded and scaled down."""
    once = encoder(replace(save, described=()), frame)
    decoded = _WHOLE[SourceFormat(save.format.value)].of(frame.size.pixels).most
    files = COPIES * file_bytes(save, frame)
    return CodecMemory(once.least, max(once.most, files + decoded) + DESCRIBING)


def _searched(save: Save, frame: Frame) -> CodecMemory:
    """Predict the memory of a search: the image is kept, and so are the best files so far.

    Where an SSIM is to be kept, each file is decoded and compared.
    """
    once = encoder(replace(save, search=None), frame)
    kept, files = frame.bytes * frame.pages, COPIES * file_bytes(save, frame)
    most = once.most
    if save.search and save.search.least_ssim is not None:
        decoded = _WHOLE[SourceFormat(save.format.value)].of(frame.size.pixels).most
        most = max(most, decoded + frame.bytes + COMPARED)
    return CodecMemory(kept + once.least, kept + files + most)


def file_bytes(save: Save, frame: Frame) -> int:
    """Predict the length of the file of an image that is all grain."""
    options = save.options or KINDS[save.format.value]()
    each = _bytes_in_file(options, save.quality, _written(save, frame))
    return round(each * frame.size.pixels * frame.pages)


def _written(save: Save, frame: Frame) -> Frame:
    """Return the frame of what is written, its depth in the bits that a PNG packs pixels in."""
    if save.packed is None:
        return frame
    alpha = frame.alpha and not save.packed.palette
    return replace(frame, bands=1, alpha=alpha, depth=save.packed.bits)


@singledispatch
def _encoder_memory(options: SaveOptions, quality: int, frame: Frame) -> _PerPixel:
    """Return the memory of an encoder for each pixel, beside the file."""
    raise TypeError(f"no encoder takes {type(options).__name__}")


@_encoder_memory.register
def _(options: JpegOptions, quality: int, frame: Frame) -> _PerPixel:
    if not (options.progressive or options.optimize or options.trellis):
        return _PerPixel(0, 0)
    return (
        _PerPixel(11, 12.5)
        if _has_full_chroma(options.subsampling, quality)
        else _PerPixel(5.5, 6.5)
    )


@_encoder_memory.register
def _(options: PngOptions, quality: int, frame: Frame) -> _PerPixel:
    raw = frame.bands + frame.alpha
    if options.palette:
        return _PerPixel(6, 7, min(60 * frame.size.pixels, COLOURS_COUNTED))
    return _PerPixel(raw, 2 * raw) if options.progressive else _PerPixel(0, 0)


@_encoder_memory.register
def _(options: GifOptions, quality: int, frame: Frame) -> _PerPixel:
    steps = ((3, 10, 0.2), (5, 36, 0.7), (7, 46, 1.0), (10, 58, 1.2))  # by effort
    each, share = next((each, share) for most, each, share in steps if options.effort <= most)
    counted = min(each * frame.size.pixels, round(share * COLOURS_COUNTED))
    return _PerPixel(9, 15, counted)


@_encoder_memory.register
def _(options: WebpOptions, quality: int, frame: Frame) -> _PerPixel:
    if options.lossless or options.near_lossless:
        return _PerPixel(9, 46)
    canvases = 26 * (frame.pages > 1)
    if frame.alpha and options.effort > 5:
        return _PerPixel(30, 68 + canvases, REPEATS)
    tokens = 4.5 * _lossy(quality)
    most = (42 if frame.alpha else 8) + tokens + 12 * bool(options.sharp) + canvases
    if options.effort > 3:
        return _PerPixel(13 if frame.alpha else 4, most + 5.5, SEARCHED)
    return _PerPixel(13 if frame.alpha else 4, most)


@_encoder_memory.register
def _(options: AvifOptions, quality: int, frame: Frame) -> _PerPixel:
    if options.lossless:
        return _PerPixel(19 + 10 * frame.alpha, 58 + 15 * frame.alpha, AV1_STARTS)
    full = _has_full_chroma(options.subsampling, quality)
    deep = 1.4 if options.bits > 8 else 1
    least, most = 13 + 10 * frame.alpha + 6 * full, 27 + 15 * frame.alpha + 16 * full
    return _PerPixel(least * deep, most * deep, AV1_STARTS)


@_encoder_memory.register
def _(options: TiffOptions, quality: int, frame: Frame) -> _PerPixel:
    return _PerPixel(0, bool(options.tile))


@singledispatch
def _bytes_in_file(options: SaveOptions, quality: int, frame: Frame) -> float:
    """Return the bytes in the file for each pixel of grain: uncompressed unless overridden."""
    return 3 + frame.alpha


@_bytes_in_file.register
def _(options: JpegOptions | AvifOptions, quality: int, frame: Frame) -> float:
    if isinstance(options, AvifOptions) and options.lossless:
        return 3 + frame.alpha
    return _lossy(quality) * (2 if _has_full_chroma(options.subsampling, quality) else 1)


@_bytes_in_file.register
def _(options: WebpOptions, quality: int, frame: Frame) -> float:
    if options.lossless or options.near_lossless:
        return 3 + frame.alpha
    return _lossy(quality) + frame.alpha


@_bytes_in_file.register
def _(options: TiffOptions, quality: int, frame: Frame) -> float:
    return _lossy(quality) if options.compression == "jpeg" else 3 + frame.alpha


@_bytes_in_file.register
def _(options: GifOptions, quality: int, frame: Frame) -> float:
    return 1.4


@_bytes_in_file.register
def _(options: PngOptions, quality: int, frame: Frame) -> float:
    return 1 if options.palette else (frame.bands + frame.alpha) * frame.depth / 8


def _has_full_chroma(subsampling: str, quality: int) -> bool:
    """Whether colours are stored for every pixel; "auto" does so from quality 90 on."""
    return subsampling == "4:4:4" or (subsampling == "auto" and quality >= 90)


def _lossy(quality: int) -> float:
    """Return the bytes a pixel of grain at 4:2:0; quality costs most near its end."""
    middle = min(1.0, max(0, quality - 70) / 20)
    high = max(0, quality - 90) / 10
    return 0.3 + 0.3 * middle + 1.27 * high * high
