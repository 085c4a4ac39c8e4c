"""Counts the frames, scans and parts of a file before its decoder sees it.

Decoders take time for each part however small, some of them more the more there are, and
memory for each that they keep. Here each is looked at once, and counting stops at the first
one too many. What fits no structure is left to the decoder, which knows the reasons better.
"""

import re
from contextlib import suppress
from typing import cast

from engine.errors import SourceTooLarge
from engine.limits import EngineLimits
from engine.sources import gif, heif
from engine.sources.checks.capacity import INFLATED
from engine.sources.facts import SourceFormat
from engine.sources.partial_source import Pieces
from engine.sources.source import Content


def count_parts(content: Content, source_format: SourceFormat, limits: EngineLimits) -> None:
    """Count what a file is made of, as far as its header reaches if only that is at hand.

    Raises SourceTooLarge, and MissingBytes of a partial source. One that ends too soon is counted
    to its end.
    """
    walk = _WALKS.get(source_format)
    if walk is not None:
        with suppress(IndexError):
            walk(content, Count(limits))


class Count:
    """Counts, and raises SourceTooLarge at the first one too many."""

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self._frames = self._scans = self._parts = 0

    def frame(self) -> None:
        """Count a frame."""
        self._frames += 1
        if self._frames > self._limits.max_frames:
            raise _too_many("frames", self._limits.max_frames, self._frames)

    def scan(self) -> None:
        """Count a scan."""
        self._scans += 1
        if self._scans > self._limits.max_scans:
            raise _too_many("scans", self._limits.max_scans, self._scans)

    def part(self, weight: int = 1) -> None:
        """Count a part, or what takes as long as several."""
        self._parts += weight
        if self._parts > self._limits.max_parts:
            raise _too_many("parts", self._limits.max_parts, self._parts)


def _too_many(what: str, allowed: int, found: int) -> SourceTooLarge:
    message = f"the source has too many {what}"
    return SourceTooLarge(message, f"max_{what}", allowed, found, f"{what} or more")


def _number(data: Content, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")


_TABLES, _TABLE_PARTS = {0xC4, 0xDB}, 4  # tables take as long as some other segments
_PLAIN = {*range(0xE0, 0xF0), 0xFE}  # of applications, and comments
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_SCAN, _END = 0xDA, 0xD9
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_SCANS = re.compile(rb"\xff\xda")  # in a scan's own data an 0xFF is followed by others


def _walk_jpeg(data: Content, count: Count) -> None:
    """Count the segments up to the first scan; if there are more scans, count these."""
    at, last, progressive, components, part = 2, len(data) - 9, False, 0, count.part
    while at < last:
        marker = data[at + 1] if data[at] == 0xFF else 0
        if marker in _PLAIN:
            part()
            at += 2 + (data[at + 2] << 8 | data[at + 3])
            continue
        part(_TABLE_PARTS if marker in _TABLES else 1)
        if marker == _SCAN and (progressive or data[at + 4] < components):
            _count_scans(data, at, count)
        if marker in {_SCAN, _END}:
            break
        if marker in _FRAMES:
            progressive, components = marker in _PROGRESSIVE, data[at + 9]
        if marker in {0, 0xFF}:  # what lies between segments is passed over, as decoders do
            at += 1
        else:
            at += 2 + (0 if marker in _STANDALONE else data[at + 2] << 8 | data[at + 3])


def _count_scans(data: Content, at: int, count: Count) -> None:
    if not isinstance(data, Pieces):
        for _ in _SCANS.finditer(cast("bytes", data), at):
            count.scan()


_INFLATED = {b"zTXt", b"iTXt", b"iCCP"}
_MOST_INFLATED = 8_000_000  # bytes; what libpng makes of one chunk
_INFLATED_A_PART = 5_000  # bytes that take as long as any chunk takes


def _walk_png(data: Content, count: Count) -> None:
    """Count the chunks; text that is inflated counts as often as that takes longer."""
    at = 8
    while at + 8 <= len(data):
        length, name = _number(data, at, 4), bytes(data[at + 4 : at + 8])
        if name == b"IEND" or (name == b"IDAT" and isinstance(data, Pieces)):
            break
        becomes = min(length * INFLATED, _MOST_INFLATED) if name in _INFLATED else 0
        count.part(1 + becomes // _INFLATED_A_PART)
        at += 12 + length


def _walk_webp(data: Content, count: Count) -> None:
    _walk_chunks(data, 12, min(len(data), 8 + _little(data, 4)), count)


def _walk_chunks(data: Content, at: int, end: int, count: Count) -> None:
    while at + 8 <= end:
        name, body = bytes(data[at : at + 4]), at + 8
        at = body + _little(data, at + 4)
        count.part()
        if name == b"ANMF":
            count.frame()
            _walk_chunks(data, body + 16, min(at, end), count)
        at += at % 2


def _little(data: Content, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


_ITEM_PARTS = 5  # an item or a reference takes as long as some boxes


def _walk_heif(data: Content, count: Count) -> None:
    """Count the outermost boxes, and the items and references that tables say they list."""
    at = 0
    while at + 8 <= len(data):
        count.part()
        size = _number(data, at, 4)
        size = _number(data, at + 8, 8) if size == 1 else size
        if size < 8:  # 0: all the rest
            break
        at += size
    for listed in heif.entries(data):
        count.part(_ITEM_PARTS * listed)


def _walk_gif(data: Content, count: Count) -> None:
    """Count frames and blocks."""
    at = gif.after_screen(data)
    while at < len(data) and data[at] in {gif.EXTENSION, gif.IMAGE}:
        count.part()
        if data[at] == gif.IMAGE:
            count.frame()
        at = gif.after_blocks(data, gif.before_blocks(data, at), count.part)


_WALKS = {
    SourceFormat.JPEG: _walk_jpeg,
    SourceFormat.PNG: _walk_png,
    SourceFormat.WEBP: _walk_webp,
    SourceFormat.GIF: _walk_gif,
    SourceFormat.AVIF: _walk_heif,
    SourceFormat.HEIC: _walk_heif,
}
