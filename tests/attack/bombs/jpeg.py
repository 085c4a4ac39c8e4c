"""Bombs of JPEG."""

from struct import pack

from tests.attack.bombs.bomb import Bomb
from tests.engine.images import encoded, noise, smooth
from tests.hostile.bombs import jpeg_scans


def segment(marker: int, body: bytes) -> bytes:
    """Write a segment."""
    return bytes([0xFF, marker]) + pack(">H", len(body) + 2) + body


def with_segments(*segments: bytes) -> bytes:
    """Write a JPEG that begins with segments."""
    whole = encoded(smooth(8, 8), "JPEG")
    return whole[:2] + b"".join(segments) + whole[2:]


def claims(width: int, height: int) -> bytes:
    """Give a small JPEG that says to be large."""
    whole = encoded(smooth(16, 16), "JPEG")
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + pack(">HH", height, width) + whole[at + 4 :]


def restarts(side: int) -> bytes:
    """Write a JPEG with a restart after each of its blocks."""
    return encoded(noise(side, side), "JPEG", restart_marker_blocks=1)


def profile(parts: int) -> bytes:
    """Write parts of a profile that is garbage."""
    one = (b"ICC_PROFILE\0" + bytes([n, parts]) + b"\xa5" * 65_000 for n in range(1, parts + 1))
    return with_segments(*(segment(0xE2, body) for body in one))


def xmp(body: bytes) -> bytes:
    """Write a packet of XMP."""
    return with_segments(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + body[:65_000]))


def nested(depth: int) -> bytes:
    """Write XMP of nested elements."""
    start = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    return start + b"<a>" * depth + b"</a>" * depth + b"</x:xmpmeta>"


def extended_xmp(parts: int) -> bytes:
    """Write an extended packet of XMP in parts."""
    name, size = b"0" * 32, 65_000 * parts
    head = b"http://ns.adobe.com/xmp/extension/\0" + name
    each = (head + pack(">II", size, 65_000 * n) + b"<a>" * 21_666 + b"  " for n in range(parts))
    return with_segments(*(segment(0xE1, body) for body in each))


def exif_loop() -> bytes:
    """Write EXIF whose directories lead to each other."""
    entry = pack("<HHII", 0x8769, 4, 1, 8)
    return with_segments(segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0" + entry + pack("<I", 8)))


HUFFMAN = segment(0xC4, b"\0" + b"\0" * 7 + b"\xff" + b"\0" * 8 + bytes(range(255)))

BOMBS = {
    "JPEG that claims 65,500² pixels": Bomb(lambda: claims(65_500, 65_500)),
    "JPEG that claims 15,000² pixels": Bomb(lambda: claims(15_000, 15_000)),
    "JPEG without a height": Bomb(lambda: claims(100, 0)),
    "JPEG of 50 scans of 4,000²": Bomb(lambda: jpeg_scans(49, 4_000, 4_000), 10),
    "JPEG of 51 scans of 4,000²": Bomb(lambda: jpeg_scans(52, 4_000, 4_000)),
    "JPEG with a restart after each block": Bomb(lambda: restarts(2_000)),
    "JPEG of 40,000 Huffman tables": Bomb(lambda: with_segments(*[HUFFMAN] * 40_000)),
    "JPEG of 40,000 quantisation tables": Bomb(
        lambda: with_segments(*[segment(0xDB, b"\0" + b"\1" * 64)] * 40_000)
    ),
    "JPEG of a profile of 16 MB": Bomb(lambda: profile(255)),
    "JPEG of nested XMP": Bomb(lambda: xmp(nested(9_000))),
    "JPEG of XMP with entities": Bomb(
        lambda: xmp(b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '" + b"&a;" * 3_000 + b"'>]>"
                    b"<x>" + b"&b;" * 3_000 + b"</x>")
    ),
    "JPEG of extended XMP of 60 MB": Bomb(lambda: extended_xmp(900)),
    "JPEG of EXIF in a loop": Bomb(exif_loop),
}  # fmt: skip
