"""Small files that ask for much: each is one kind's way to spend a decoder's time or memory."""

import zlib
from collections.abc import Callable
from struct import pack
from typing import NamedTuple

from tests.engine.images import encoded, smooth

MB = 1_000_000


def chunk(name: bytes, body: bytes) -> bytes:
    """Write a chunk of PNG."""
    return pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))


def png(
    width: int, height: int, *between: bytes, interlaced: bool = False, depth: int = 8
) -> bytes:
    """Write a grey PNG of zeros, with chunks between its header and its pixels."""
    header = pack(">IIBBBBB", width, height, depth, 0, 0, 0, interlaced)
    rows = _rows_of_passes(width, height, depth) if interlaced else [(width, height)]
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes((-(-w * depth // 8) + 1) * h)) for w, h in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", header),
            *between,
            chunk(b"IDAT", data + packer.flush()),
            chunk(b"IEND", b""),
        ]
    )


def _rows_of_passes(width: int, height: int, depth: int) -> list[tuple[int, int]]:
    """Return the sizes of Adam7's seven images."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)]  # fmt: skip
    return [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]


def gif(
    frames: int, width: int = 1, height: int = 1, *, extra: bytes = b"", data: bytes = b""
) -> bytes:
    """Write a GIF whose frames each paint its first pixel; `extra` comes before them."""
    screen = b"GIF89a" + pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    pixel = b",\0\0\0\0\1\0\1\0\0\2" + (data or b"\2\x44\1\0")
    return screen + extra + pixel * frames + b";"


def blocks(total: int, length: int = 1) -> bytes:
    """Write a comment of GIF in blocks of so many bytes each."""
    block = bytes([length]) + b"a" * length
    return b"!\xfe" + block * (total // len(block)) + b"\0"


def riff(name: bytes, body: bytes) -> bytes:
    """Write a chunk of WebP."""
    return name + pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp(frames: int, *extra: bytes, width: int = 1, height: int = 1) -> bytes:
    """Write an animated WebP whose frames are all the same, and paint its first pixel."""
    pixel = encoded(smooth(1, 1), "WEBP", lossless=True)[12:]
    frame = riff(b"ANMF", bytes(12) + b"\x0a\0\0\0" + pixel)
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = riff(b"VP8X", b"\2\0\0\0" + size) + riff(b"ANIM", bytes(6))
    body += b"".join(extra) + frame * frames
    return b"RIFF" + pack("<I", len(body) + 4) + b"WEBP" + body


def jpeg_segments(total: int, marker: int, length: int = 0) -> bytes:
    """Write a JPEG with so many bytes of short segments of a marker."""
    segment = bytes([0xFF, marker]) + pack(">H", length + 2) + bytes(length)
    whole = encoded(smooth(8, 8), "JPEG")
    return whole[:2] + segment * (total // len(segment)) + whole[2:]


def jpeg_garbage(total: int) -> bytes:
    """Write a JPEG with so many bytes after its first segment that belong to nothing."""
    whole = encoded(smooth(8, 8), "JPEG")
    end = 4 + int.from_bytes(whole[4:6], "big")
    return whole[:end] + bytes(total) + whole[end:]


def jpeg_scans(count: int, width: int, height: int) -> bytes:
    """Write a grey progressive JPEG of zeros with so many scans, at most 819, after the first.

    Each says of one coefficient of every block that it is zero.
    """
    columns, rows = -(-width // 8), -(-height // 8)
    bits = min(14, (columns * rows).bit_length() - 1)
    frame = pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    codes = b"\1" + bytes(15)  # one code, of one bit
    tables = [
        _segment(0xC4, b"\0" + codes + b"\0"),
        _segment(0xC4, b"\x10" + codes + bytes([bits << 4])),
    ]
    first = _segment(0xDA, b"\1\1\0\0\0\x0d") + bytes(-(-columns * rows // 8))
    zeros = _bits("".join(f"0{run - 2**bits:0{bits}b}" for run in _runs(columns * rows, 2**bits)))
    scans = [
        _segment(0xDA, bytes([1, 1, 0, k, k, (below + 1) % 14 << 4 | below])) + zeros
        for below in range(13, -1, -1)
        for k in range(1, 64)
    ]
    parts = [
        _segment(0xDB, b"\0" + b"\1" * 64),
        *tables,
        _segment(0xC2, frame),
        first,
        *scans[:count],
    ]
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def _runs(blocks: int, least: int) -> list[int]:
    """Cut a number of blocks into runs of so many or some more, less than twice as many."""
    count = blocks // least
    return [blocks // count + (number < blocks % count) for number in range(count)]


def _bits(bits: str) -> bytes:
    """Pack the bits of a scan."""
    length = -(-len(bits) // 8)
    return int(bits.ljust(8 * length, "1"), 2).to_bytes(length, "big").replace(b"\xff", b"\xff\0")


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + pack(">H", len(body) + 2) + body


def box(name: bytes, body: bytes) -> bytes:
    """Write a box of AVIF."""
    return pack(">I", len(body) + 8) + name + body


def avif(*boxes: bytes) -> bytes:
    """Write an AVIF with boxes after its own."""
    return encoded(smooth(16, 16), "AVIF") + b"".join(boxes)


class Bomb(NamedTuple):
    """A file, and the limit that it is refused by; none if it is done in its predicted time."""

    make: Callable[[], bytes]
    limit: str


BOMBS = {
    "GIF of 3,000,000 frames": Bomb(lambda: gif(3 * MB), "max_frames"),
    "GIF of 2,400 frames in 36 kB": Bomb(lambda: gif(2_400, 320, 320), "max_frames"),
    "GIF of blocks of a byte": Bomb(lambda: gif(1, extra=blocks(120 * MB)), "max_parts"),
    "GIF of pixels in blocks of a byte": Bomb(
        lambda: gif(1, data=b"\1\0" * (60 * MB) + b"\0"), "max_parts"
    ),
    "GIF of empty comments": Bomb(lambda: gif(1, extra=b"!\xfe\0" * (40 * MB)), "max_parts"),
    "WebP of 100,000 frames": Bomb(lambda: webp(100_000), "max_frames"),
    "WebP of empty chunks": Bomb(lambda: webp(2, riff(b"abcd", b"") * (12 * MB)), "max_parts"),
    "WebP of empty chunks in a frame": Bomb(
        lambda: webp(1, riff(b"ANMF", bytes(16) + riff(b"abcd", b"") * (12 * MB))), "max_parts"
    ),
    "PNG of empty texts": Bomb(lambda: png(8, 8, chunk(b"tEXt", b"a\0") * (8 * MB)), "max_parts"),
    "PNG of unknown chunks": Bomb(lambda: png(8, 8, chunk(b"abCd", b"") * (10 * MB)), "max_parts"),
    "PNG of texts that inflate": Bomb(lambda: png(8, 8, _inflating(7 * MB) * 1_000), "max_parts"),
    "JPEG of comments": Bomb(lambda: jpeg_segments(120 * MB, 0xFE), "max_parts"),
    "JPEG of empty EXIF": Bomb(lambda: jpeg_segments(120 * MB, 0xE1), "max_parts"),
    "JPEG of garbage": Bomb(lambda: jpeg_garbage(120 * MB), "max_parts"),
    "JPEG of 819 scans": Bomb(lambda: jpeg_scans(819, 10_000, 10_000), "max_scans"),
    "JPEG of tables": Bomb(lambda: jpeg_segments(3 * MB, 0xDB, 65), "max_parts"),
    "AVIF of references": Bomb(lambda: _references(65_000), "max_parts"),
    "AVIF of empty boxes": Bomb(lambda: avif(box(b"free", b"") * (15 * MB)), "max_parts"),
}


def _references(count: int) -> bytes:
    listed = box(b"dimg", pack(">HH", 1, count) + bytes(2 * count))
    meta = box(b"meta", bytes(4) + box(b"iref", bytes(4) + listed))
    return box(b"ftyp", b"avif\0\0\0\0avifmif1") + meta


def _inflating(size: int) -> bytes:
    return chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(size), 9))
