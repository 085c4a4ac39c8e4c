"""Cuts a WebP's XMP off where nobody looks at it any more; libvips would copy all of it.

The container is described in RFC 9649, section 2.
"""

from collections.abc import Iterator
from struct import pack

from engine.sources.metadata.xmp import MOST_BYTES
from engine.sources.source import Buffer

_HEAD, _CHUNK_HEAD = 12, 8  # bytes before the first chunk, and of a chunk's name and length
_KEPT = MOST_BYTES + 2  # of the packet: more than is looked at, and even


def with_short_xmp(data: Buffer) -> Buffer:
    """Return the file with XMP that is cut off, or as it is if none is too long."""
    long = list(_long_chunks(data))
    if not long:
        return data
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    at = _HEAD
    for start, end in long:
        parts += [view[at:start], b"XMP ", pack("<I", _KEPT)]
        parts.append(view[start + _CHUNK_HEAD : start + _CHUNK_HEAD + _KEPT])
        at = end
    parts.append(view[at:])
    length = sum(map(len, parts)) + 4
    return b"".join([b"RIFF", pack("<I", length), b"WEBP", *parts])


def _long_chunks(data: Buffer) -> Iterator[tuple[int, int]]:
    """Yield where XMP that is too long starts and ends, of which all is there."""
    at, end = _HEAD, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + _CHUNK_HEAD <= end:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        after = at + _CHUNK_HEAD + length + length % 2
        if data[at : at + 4] == b"XMP " and length > _KEPT and after <= end:
            yield at, after
        at = after
