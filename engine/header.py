"""Reading a picture's header: its facts, and every limit on it, before any pixel."""

from typing import Any

from engine import vips
from engine.errors import SourceEmpty, SourceTooLarge, UnsupportedFormat
from engine.facts import Facts
from engine.formats import TRAITS, sniff
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.source import Source
from engine.transforms import Format

COLOUR_BANDS = {"b-w": 1, "grey16": 1, "cmyk": 4}


def read_facts(source: Source, limits: EngineLimits = DEFAULT_LIMITS) -> Facts:
    """Read a picture's header.

    Raises SourceEmpty, UnsupportedFormat for what is no picture of a known format,
    SourceCorrupt for a header that its decoder rejects, and SourceTooLarge.
    """
    _check_bytes(source, limits)
    found = sniff(source.head())
    if found is None:
        raise UnsupportedFormat(_not_read_here(source.head()))
    facts = _facts_of(vips.open_image(source, found), found)
    _check_pixels(facts, limits)
    return facts


def _check_bytes(source: Source, limits: EngineLimits) -> None:
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


def _check_pixels(facts: Facts, limits: EngineLimits) -> None:
    found = facts.size.pixels * facts.frames
    if found > limits.max_source_pixels:
        frames = f" with {facts.frames} frames" if facts.frames > 1 else ""
        raise SourceTooLarge(
            f"the source is too large ({facts.size}{frames})",
            "max_source_pixels",
            limits.max_source_pixels,
            found,
            "pixels",
        )


def _not_read_here(head: bytes) -> str:
    known = ", ".join(name.value.upper() for name in TRAITS)
    return f"expected a picture in {known}, got a file that begins with {head[:8]!r}"


def _facts_of(image: vips.Image, picture_format: Format) -> Facts:
    fields = set(image.get_fields())
    bands = COLOUR_BANDS.get(image.interpretation, 3)

    def number(name: str, default: int) -> int:
        value: Any = image.get(name) if name in fields else default
        return value if isinstance(value, int) else default

    orientation = number("orientation", 1)
    return Facts(
        format=picture_format,
        width=image.width,
        height=number("page-height", image.height),
        bands=bands,
        alpha=image.bands > bands,
        depth=8 if image.format == "uchar" else 16,
        orientation=orientation if 1 <= orientation <= 8 else 1,
        frames=number("n-pages", 1),
        profile="icc-profile-data" in fields,
        interlaced=bool(number("interlaced", 0) or number("jpeg-multiscan", 0)),
    )
