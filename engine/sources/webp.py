"""WebP's size as its first chunk says it: libvips holds all of the canvas from the opening on.

See https://developers.google.com/speed/webp/docs/riff_container and RFC 9649.
"""

from engine.geometry import Size
from engine.sources.source import Content

CANVAS_BYTES = 4  # of a pixel of the canvas
_HEADER = 30  # bytes that hold the size, whichever the first chunk is
_LOW_BITS = 0x3FFF


def size_in(content: Content) -> Size | None:
    """Read the size of the canvas; None where the file is none that a decoder reads."""
    head = bytes(content[: min(_HEADER, len(content))]).ljust(_HEADER, b"\0")
    name, body = head[12:16], head[20:]
    if name == b"VP8X":
        return Size(1 + _number(body[4:7]), 1 + _number(body[7:10]))
    if name == b"VP8L":
        bits = _number(body[1:5])
        return Size(1 + (bits & _LOW_BITS), 1 + (bits >> 14 & _LOW_BITS))
    if name == b"VP8 ":
        return Size(_number(body[6:8]) & _LOW_BITS, _number(body[8:10]) & _LOW_BITS)
    return None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
