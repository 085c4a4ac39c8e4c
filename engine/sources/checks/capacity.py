"""Tells that a file is too short for the pixels that it claims, before a decoder looks for them.

Each bound is what the format's packing can make of a byte at best, so a file that it refuses lacks
pixels, and no image however plain is refused. The arithmetic coders of WebP, AVIF and some JPEG,
and faxes, have no bound.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from engine.sources import gif, heif, jpeg
from engine.sources.facts import SourceFormat
from engine.sources.partial_source import Pieces
from engine.sources.source import Content

INFLATED = 1032  # bytes that one byte may become: two bits are the shortest match, of 258 bytes
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by PNG's colour types
_SEQUENTIAL, _PROGRESSIVE = {0xC0, 0xC1}, 0xC2  # JPEG's frames of Huffman codes
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)  # at which a scan ends


def shortage(content: Content, source_format: SourceFormat) -> str:
    """Say what is missing of a file's first image; empty if its bytes may suffice.

    Of a partial source its length alone is looked at, beside the header. TIFF tells it when it is
    opened.
    """
    lacks = _LACKS.get(source_format)
    with suppress(IndexError):
        if lacks is not None and lacks(content):
            return "the image is damaged: its data end before its last pixel"
    return ""


def _lacks_png(data: Content) -> bool:
    head = bytes(data[16:26])  # of the first chunk: width, height, bits of a sample, kind
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    return width * height * head[8] * _SAMPLES.get(head[9], 0) > 8 * len(data) * INFLATED


def _lacks_gif(data: Content) -> bool:
    return any(gif.is_short(data, frame) for frame in gif.first_frames(data, 1))


def _lacks_jpeg(data: Content) -> bool:
    """Compare the first scan with what its blocks take at least.

    A block of a sequential frame takes two codes, one of a progressive frame's first scan one,
    and a code a bit.
    """
    scan = jpeg.first_scan(data)
    if scan is None or scan.kind not in {*_SEQUENTIAL, _PROGRESSIVE} or scan.starts_late:
        return False
    needed = scan.blocks * (1 if scan.kind == _PROGRESSIVE else 2) // 8
    end = scan.data + needed
    if end > len(data):
        return True
    whole = not isinstance(data, Pieces)
    return whole and _MARKER.search(cast("bytes", data), scan.data, end) is not None


def _lacks_heif(data: Content) -> bool:
    """Compare the outermost boxes' lengths with the file's: libheif follows those that it needs."""
    return any(end > len(data) for end in heif.ends_of_boxes(data))


_LACKS: dict[SourceFormat, Callable[[Content], bool]] = {
    SourceFormat.PNG: _lacks_png,
    SourceFormat.GIF: _lacks_gif,
    SourceFormat.JPEG: _lacks_jpeg,
    SourceFormat.AVIF: _lacks_heif,
    SourceFormat.HEIC: _lacks_heif,
}
