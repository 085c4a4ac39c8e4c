"""The properties of each image format, known without opening a file."""

import re
from typing import NamedTuple

from engine.schema import Format
from engine.sources.facts import SourceFormat
from engine.sources.xml_root import BYTE_ORDER_MARK, EndOfHead, root_name

BEGINNING = 1024  # bytes that tell most files
HEAD = 64 * 1024  # bytes that tell any format, and an SVG behind long comments


class Traits(NamedTuple):
    """What a format that is written can hold.

    `max_side` is in pixels, for width and height alike, as far as its encoder here goes.
    """

    content_type: str
    alpha: bool
    max_side: int
    animated: bool = False


TRAITS: dict[Format, Traits] = {
    Format.JPEG: Traits("image/jpeg", alpha=False, max_side=65_500),
    Format.PNG: Traits("image/png", alpha=True, max_side=2**31 - 1),
    Format.WEBP: Traits("image/webp", alpha=True, max_side=16_383, animated=True),
    Format.GIF: Traits("image/gif", alpha=True, max_side=65_535, animated=True),
    Format.AVIF: Traits("image/avif", alpha=True, max_side=16_384),
    Format.TIFF: Traits("image/tiff", alpha=True, max_side=2**31 - 1),
}

# Formats of sources whose frames follow each other in time; pages of others are not read.
ANIMATED = {SourceFormat.GIF, SourceFormat.WEBP}

_BRANDS = {
    SourceFormat.AVIF: {b"avif", b"avis"},
    SourceFormat.HEIC: {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"},
}
_BEGINNINGS = [
    (SourceFormat.JPEG, re.compile(rb"\xff\xd8\xff")),
    (SourceFormat.PNG, re.compile(rb"\x89PNG\r\n\x1a\n")),
    (SourceFormat.WEBP, re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    (SourceFormat.GIF, re.compile(rb"GIF8[79]a")),
    (SourceFormat.TIFF, re.compile(rb"II[*+]\0|MM\0[*+]")),
]

# What is refused, by its name; only for messages.
_SEQUENCES = {b"msf1", b"avcs", b"jpgs", b"j2is", b"vvis", b"evbs"}
_STILLS = {b"mif1", b"mif2", b"miaf", b"avci", b"jpeg", b"j2ki", b"vvic", b"evbi", b"1pic"}
_STRANGERS: list[tuple[re.Pattern[bytes], str]] = [
    (re.compile(beginning, re.DOTALL), name)
    for beginning, name in (
        (rb"BM.{4}\0\0\0\0", "a BMP image"),
        (rb"\0\0[\x01\x02]\0[^\0]", "an ICO image"),
        (rb"8BPS", "a Photoshop document"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript document"),
        (rb"%PDF", "a PDF document"),
        (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL image"),
        (rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  ", "a JPEG 2000 image"),
        (rb"P[1-7][\s#]", "a PNM image"),
        (rb"\x76\x2f\x31\x01", "an OpenEXR image"),
        (rb"#\?RADIANCE|#\?RGBE", "a Radiance HDR image"),
        (rb"\x1f\x8b", "a gzip archive"),
        (rb"PK\x03\x04", "a zip archive"),
        (rb".{4}ftyp", "a video"),
        (rb"\x1aE\xdf\xa3|RIFF.{4}AVI ", "a video"),
    )
]


def sniff(head: bytes) -> SourceFormat | None:
    """Tell a format by a file's first `HEAD` bytes; None for one that is not known here."""
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    found = next((kind for kind, known in _BEGINNINGS if known.match(head)), None)
    return found or (SourceFormat.SVG if _root(head) == b"svg" else None)


def _by_brand(head: bytes) -> SourceFormat | None:
    """Tell AVIF and HEIC: by the major brand, or by one of those that it is compatible with."""
    found = (kind for brand in _brands(head) for kind, known in _BRANDS.items() if brand in known)
    return next(found, None)


def _brands(head: bytes) -> list[bytes]:
    length = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))]


def describe(head: bytes) -> str:
    """Say in words what a file is that no format here fits."""
    if head[4:8] == b"ftyp" and (_SEQUENCES | _STILLS) & (found := set(_brands(head))):
        kind = "image sequence" if _SEQUENCES & found else "image"
        return f"a HEIF {kind} that is neither AVIF nor HEIC"
    names = (words for known, words in _STRANGERS if known.match(head))
    return next(names, None) or _describe_text(head)


def _describe_text(head: bytes) -> str:
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    root = _root(head)
    if root == b"html" or text[:14].lower() == b"<!doctype html":
        return "an HTML page"
    if root is None:
        return f"an XML document whose root element is not in its first {len(head):,} bytes"
    if text.startswith(b"<?xml"):
        return "an XML document that is no SVG"
    if text[:1] in {b"[", b"{"}:
        return "a JSON document"
    return f"a file that begins with {head[:8]!r}"


def _root(head: bytes) -> bytes | None:
    """Return the name of an XML document's root, empty if it is none; None if it comes later."""
    try:
        return root_name(head)
    except EndOfHead:
        return None
