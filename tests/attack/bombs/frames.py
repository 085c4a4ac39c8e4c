"""Bombs of GIF and WebP."""

from struct import pack

import pyvips

from tests.attack.bombs.bomb import Bomb
from tests.engine.images import encoded, smooth
from tests.hostile.bombs import gif, riff, webp

MB = 1_000_000


def plain_webp(width: int, height: int) -> bytes:
    """Write a lossless WebP of one colour."""
    plain = pyvips.Image.black(width, height, bands=3)
    return bytes(plain.webpsave_buffer(lossless=True, effort=0))


def webp_with(name: bytes, body: bytes) -> bytes:
    """Write a WebP with metadata."""
    flags = {b"ICCP": 0x20, b"EXIF": 8, b"XMP ": 4}[name]
    image = encoded(smooth(8, 8), "WEBP")[12:]
    head = riff(b"VP8X", bytes([flags, 0, 0, 0]) + b"\7\0\0" * 2)
    parts = [head, riff(name, body), image] if name == b"ICCP" else [head, image, riff(name, body)]
    whole = b"".join(parts)
    return b"RIFF" + pack("<I", len(whole) + 4) + b"WEBP" + whole


BOMBS = {
    "GIF that claims 65,535² pixels": Bomb(lambda: gif(1, 65_535, 65_535)),
    "GIF of 15,000² pixels in 50 B": Bomb(lambda: gif(1, 15_000, 15_000)),
    "GIF of 2,000 frames of 350²": Bomb(lambda: gif(2_000, 350, 350)),
    "GIF of 2,000 frames of 360²": Bomb(lambda: gif(2_000, 360, 360)),
    "GIF of one block of 120 MB": Bomb(lambda: gif(1, extra=b"!\xfe" + b"\xffa" * (60 * MB))),
    "WebP that claims 16,384² pixels": Bomb(lambda: webp(1, width=16_384, height=16_384)),
    "WebP of 2,000 frames of 350²": Bomb(lambda: webp(2_000, width=350, height=350)),
    "WebP of 2,000 frames of 360²": Bomb(lambda: webp(2_000, width=360, height=360)),
    "WebP of 12,000 × 8,000 plain pixels": Bomb(lambda: plain_webp(12_000, 8_000)),
    "WebP of a profile of 60 MB": Bomb(lambda: webp_with(b"ICCP", b"\xa5" * (60 * MB))),
    "WebP of XMP of 60 MB": Bomb(lambda: webp_with(b"XMP ", b"<a>" * (20 * MB))),
    "WebP of EXIF of 60 MB": Bomb(lambda: webp_with(b"EXIF", b"II*\0" + bytes(60 * MB))),
}
