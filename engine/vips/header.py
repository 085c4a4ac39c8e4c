"""Reads an image's header: its facts, and every limit that can be checked before decoding."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from engine.errors import (
    NeedsTooMuchMemory,
    SourceCorrupt,
    SourceEmpty,
    SourceTooLarge,
    UnsupportedFormat,
)
from engine.geometry import Size
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.sources import (
    ANIMATED,
    BEGINNING,
    HEAD,
    Content,
    Facts,
    PartialSource,
    Source,
    SourceFormat,
    check_seconds,
    count_parts,
    describe,
    gif,
    heif,
    jpeg,
    shortage,
    sniff,
    survey,
    tiff,
    webp,
)
from engine.vips import codecs, heic
from engine.vips.binding import Image
from engine.vips.gif_frames import lacks_its_end
from engine.vips.images import PROFILE
from engine.vips.palettes import packing_of

ENDS = "the image cannot be decoded: the file ends before its last pixels"
UNTOLD = 100  # milliseconds of a frame that does not say how long it is shown
COLOUR_BANDS = {"b-w": 1, "grey16": 1, "cmyk": 4}
# Formats whose header takes the whole file: frames are counted, metadata is at the end, or what
# reads it reads no parts.
READ_WHOLE = {SourceFormat.GIF, SourceFormat.WEBP, SourceFormat.SVG, SourceFormat.HEIC}
HEIF = {SourceFormat.AVIF, SourceFormat.HEIC}
DEPTHS = {"uchar": 8, "char": 8, "ushort": 16, "short": 16}


def read_facts(source: Source | PartialSource, limits: EngineLimits = DEFAULT_LIMITS) -> Facts:
    """Read an image's header.

    Raises SourceEmpty, UnsupportedFormat for what is no image of a format that is read,
    SourceCorrupt for a header that its decoder cannot make out, SourceTooLarge, and
    NeedsTooMuchMemory for what cannot even be opened. Damage that the header tells of is in the
    facts. Of a partial source also MissingBytes, which tells what more to fetch.
    """
    _check_bytes(source, limits)
    found = _format_of(source, limits)
    if found in READ_WHOLE and isinstance(source, PartialSource):
        source.content.require_all()
    count_parts(source.content, found, limits)
    if found is SourceFormat.JPEG:
        _check_kind(source.content)
    if found is SourceFormat.WEBP:
        _check_canvas(source.content, limits)
    if found is SourceFormat.TIFF:
        tiff.check_limits(source.content, limits)
        _check_pixels(tiff.size_in(source.content), 1, limits)
    coded = heif.coded_size(source.content) if found in HEIF else None
    if coded is not None:
        _check_pixels(coded, 1, limits)
    drawing = survey(source.content, limits) if found is SourceFormat.SVG else None
    facts = _facts_of(*_opened(source, found), found)
    if coded is not None:
        fewer = heif.is_subsampled(source.content)
        facts = replace(facts, coded_pixels=coded.pixels, subsampled=fewer)
    if found is SourceFormat.TIFF:
        facts = replace(facts, decoder_bytes=tiff.decoder_bytes(source.content))
    if not facts.damaged and (missing := shortage(source.content, found)):
        facts = replace(facts, damaged=missing)
    bits, colours = packing_of(source.content, found, facts.profile)
    if bits < 8 or colours:
        facts = replace(facts, bits=bits, palette=len(colours))
    _check_pixels(facts.size, facts.frames, limits)
    if drawing is not None:
        facts = replace(facts, drawing_seconds=drawing.seconds(facts.size))
        check_seconds(facts.drawing_seconds, limits)
    if found is SourceFormat.GIF and not facts.damaged and _lacks_its_end(source.content):
        facts = replace(facts, damaged=ENDS)
    return facts


def _lacks_its_end(content: Content) -> bool:
    return gif.is_open(content) and lacks_its_end(content)


def _opened(source: Source | PartialSource, source_format: SourceFormat) -> tuple[Image, str]:
    """Open an image for its header; what is wrong with it is told beside it if it can be read."""
    ends = source_format is SourceFormat.GIF and gif.is_cut_short(source.content)
    damaged = ENDS if ends else ""
    try:
        return codecs.open_header(source, source_format, tolerant=ends), damaged
    except SourceCorrupt as error:
        damaged = damaged or error.message
    try:
        return codecs.open_header(source, source_format, tolerant=True), damaged
    except SourceCorrupt:
        raise SourceCorrupt(damaged) from None


def _check_kind(content: Content) -> None:
    """Raise UnsupportedFormat for a JPEG of a kind that no decoder here knows."""
    if kind := jpeg.refused_kind(content):
        raise UnsupportedFormat(f"expected a JPEG of a kind that is read here, got {kind}")


def formats_read(limits: EngineLimits = DEFAULT_LIMITS) -> Iterator[SourceFormat]:
    """Yield what is read here: HEIC if what decodes it is installed, SVG if it is allowed."""
    for known in SourceFormat:
        if (known is not SourceFormat.HEIC or heic.is_installed()) and (
            known is not SourceFormat.SVG or limits.allow_svg
        ):
            yield known


def _check_canvas(content: Content, limits: EngineLimits) -> None:
    """Raise an error if the canvas that a WebP is opened on is larger than anything may be."""
    size = webp.size_in(content)
    if size is None:
        return
    _check_pixels(size, 1, limits)
    needed, allowed = webp.CANVAS_BYTES * size.pixels, limits.max_memory_bytes
    if needed > allowed:
        what = f"WebP of {size} takes too much memory"
        raise NeedsTooMuchMemory(what, "max_memory_bytes", allowed, needed, "bytes at least")


def _format_of(source: Source | PartialSource, limits: EngineLimits) -> SourceFormat:
    """Tell the format by the first bytes, never by what libvips would guess."""
    found = sniff(source.head(BEGINNING)) or sniff(source.head(HEAD))
    if found is not None and found in set(formats_read(limits)):
        return found
    reasons = {
        SourceFormat.HEIC: f"HEIC, which takes the extra heic ({heic.INSTALL})",
        SourceFormat.SVG: "SVG, which is not allowed here (allow_svg)",
    }
    came = reasons[found] if found else describe(source.head(HEAD))
    known = ", ".join(name.value.upper() for name in formats_read(limits))
    raise UnsupportedFormat(f"expected an image in {known}, got {came}")


def _check_bytes(source: Source | PartialSource, limits: EngineLimits) -> None:
    if source.size == 0:
        raise SourceEmpty("the source has no bytes")
    if source.size > limits.max_source_bytes:
        raise SourceTooLarge(
            "the source is too long",
            "max_source_bytes",
            limits.max_source_bytes,
            source.size,
            "bytes",
        )


def _check_pixels(size: Size, frames: int, limits: EngineLimits) -> None:
    found = size.pixels * frames
    if found > limits.max_source_pixels:
        words = f" with {frames} frames" if frames > 1 else ""
        raise SourceTooLarge(
            f"the source is too large ({size}{words})",
            "max_source_pixels",
            limits.max_source_pixels,
            found,
            "pixels",
        )


def _facts_of(image: Image, damaged: str, source_format: SourceFormat) -> Facts:
    """Ask for each field once, and only for those that are there: most images have few."""
    count, interpretation = image.bands, image.interpretation
    bands = COLOUR_BANDS.get(interpretation, 3 if count >= 3 else 1)

    def number(name: str, default: int) -> int:
        value: Any = image.get(name) if image.get_typeof(name) else default
        return value if isinstance(value, int) else default

    orientation = number("orientation", 1)
    frames = number("n-pages", 1) if source_format in ANIMATED else 1
    moves = frames > 1
    profile: bytes = image.get(PROFILE) if image.get_typeof(PROFILE) else b""
    delays: list[int] = image.get("delay") if moves and image.get_typeof("delay") else []
    return Facts(
        format=source_format,
        width=image.width,
        height=number("page-height", 0) or image.height,
        bands=bands,
        alpha=count > bands,
        depth=_depth(number("bits-per-sample", DEPTHS.get(image.format, 32))),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        frames=frames,
        delays=(*delays, *(UNTOLD,) * frames)[:frames] if moves else (),
        loop=number("loop", 0) if moves else 0,
        profile=bool(image.get_typeof(PROFILE)),
        profile_bytes=len(profile),
        interlaced=bool(number("interlaced", 0) or number("jpeg-multiscan", 0)),
        damaged=damaged,
    )


def _depth(bits: int) -> int:
    return 8 if bits <= 8 else 16 if bits <= 16 else 32
