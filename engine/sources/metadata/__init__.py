"""Metadata: artist and copyright in EXIF, XMP and IPTC, and ICC profiles.

Knows nothing about libvips.
"""

from engine.sources.metadata.copyright_metadata import EXIF, IPTC, XMP, rights_only
from engine.sources.metadata.long_xmp import with_short_xmp

__all__ = ["EXIF", "IPTC", "XMP", "rights_only", "with_short_xmp"]
