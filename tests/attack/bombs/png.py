"""Bombs of PNG."""

import zlib
from struct import pack

from tests.attack.bombs.bomb import Bomb
from tests.engine.images import encoded, smooth
from tests.hostile.bombs import chunk, png

MB = 1_000_000


def claims(width: int, height: int) -> bytes:
    """Give a small PNG that says to be large."""
    body = b"IHDR" + pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = encoded(smooth(8, 8))
    return whole[:12] + body + pack(">I", zlib.crc32(body)) + whole[33:]


def inflating(size: int) -> bytes:
    """Compress zeros."""
    return zlib.compress(bytes(size), 9)


def text(keyword: bytes, size: int) -> bytes:
    """Write a compressed international text."""
    return chunk(b"iTXt", keyword + b"\0\1\0\0\0" + inflating(size))


BOMBS = {
    "PNG of 12,000² pixels in 140 kB": Bomb(lambda: png(12_000, 12_000)),
    "PNG of 15,000² bits": Bomb(lambda: png(15_000, 15_000, depth=1)),
    "PNG of 20,000² pixels": Bomb(lambda: png(20_000, 20_000)),
    "PNG that claims 2³¹ − 1 columns": Bomb(lambda: claims(2**31 - 1, 9)),
    "PNG of 1 × 200 million pixels": Bomb(lambda: claims(1, 200 * MB)),
    "PNG, interlaced, of 8,000² pixels": Bomb(lambda: png(8_000, 8_000, interlaced=True)),
    "PNG of zTXt that inflates to 100 MB": Bomb(
        lambda: png(8, 8, chunk(b"zTXt", b"a\0\0" + inflating(100 * MB)))
    ),
    "PNG of iCCP that inflates to 100 MB": Bomb(
        lambda: png(8, 8, chunk(b"iCCP", b"a\0\0" + inflating(100 * MB)))
    ),
    "PNG of XMP that inflates to 100 MB": Bomb(
        lambda: png(8, 8, text(b"XML:com.adobe.xmp", 100 * MB))
    ),
    "PNG of 40 texts of 7 MB": Bomb(lambda: png(8, 8, *[text(b"a", 7 * MB)] * 40)),
    "PNG of EXIF of 60 MB": Bomb(lambda: png(8, 8, chunk(b"eXIf", b"II*\0" + bytes(60 * MB)))),
    "PNG that says 2³¹ frames": Bomb(lambda: png(8, 8, chunk(b"acTL", pack(">II", 2**31 - 1, 0)))),
}
