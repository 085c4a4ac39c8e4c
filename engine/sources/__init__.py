"""Source files: bytes, formats by their first bytes, facts from headers, copyright metadata.

Knows nothing about libvips.
"""

from engine.sources.checks import check_seconds, count_parts, shortage, survey
from engine.sources.damage import damage_in
from engine.sources.facts import Facts, SourceFormat
from engine.sources.formats import ANIMATED, BEGINNING, HEAD, TRAITS, describe, sniff
from engine.sources.metadata import EXIF, IPTC, XMP, rights_only, with_short_xmp
from engine.sources.partial_source import (
    BLOCK,
    MissingBytes,
    PartialSource,
    Parts,
    Piece,
    Reader,
    to_fetch,
)
from engine.sources.png_data import completed
from engine.sources.source import Content, Mending, Source

__all__ = [
    "ANIMATED",
    "BEGINNING",
    "BLOCK",
    "EXIF",
    "HEAD",
    "IPTC",
    "TRAITS",
    "XMP",
    "Content",
    "Facts",
    "Mending",
    "MissingBytes",
    "PartialSource",
    "Parts",
    "Piece",
    "Reader",
    "Source",
    "SourceFormat",
    "check_seconds",
    "completed",
    "count_parts",
    "damage_in",
    "describe",
    "rights_only",
    "shortage",
    "sniff",
    "survey",
    "to_fetch",
    "with_short_xmp",
]
