"""Small files that ask for much."""

import zlib
from struct import pack

from tests.engine.images import encoded, smooth


def _chunk(name: bytes, body: bytes) -> bytes:
    return pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))


def _png(width: int, height: int) -> bytes:
    """Write a grey PNG of zeros."""
    packer = zlib.compressobj(9)
    row = bytes(width + 1)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    return start + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _gif(frames: int) -> bytes:
    """Write a GIF of one pixel in so many frames."""
    pixel = b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    return b"GIF89a" + pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + pixel * frames + b";"


def _jpeg_of(total: int) -> bytes:
    """Write a JPEG with so many bytes of empty comments."""
    whole = encoded(smooth(8, 8), "JPEG")
    return whole[:2] + b"\xff\xfe\0\2" * (total // 4) + whole[2:]


BOMBS = {
    "wide.png": _png(12_000, 12_000),
    "claims.png": encoded(smooth(8, 8)).replace(pack(">II", 8, 8), pack(">II", 2**31 - 1, 9), 1),
    "frames.gif": _gif(200_000),
    "comments.jpg": _jpeg_of(4_000_000),
    "comments.svg": b"<?xml version='1.0'?>" + b"<!-- -->" * 24 + b"<x/>",
    "entities.svg": b'<!DOCTYPE svg [<!ENTITY a "aaaa">' + b'<!ENTITY b "&a;&a;">]><svg>&b;</svg>',
    "empty.png": b"",
    "mat.jpg": b"MATLAB 5.0 MAT-file" + bytes(200),
}
