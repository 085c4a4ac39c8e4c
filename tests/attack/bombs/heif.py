"""Bombs of AVIF and HEIC."""

from struct import pack

from tests.attack.bombs.bomb import Bomb
from tests.engine.images import encoded, smooth
from tests.engine.uploads import HEIC, animation
from tests.hostile.bombs import box

MB = 1_000_000


def full(name: bytes, body: bytes, version: int = 0) -> bytes:
    """Write a box with a version."""
    return box(name, bytes([version, 0, 0, 0]) + body)


def claims(data: bytes, side: int) -> bytes:
    """Have an image say that it has so many pixels a side."""
    at = data.index(b"ispe") + 8
    return data[:at] + pack(">II", side, side) + data[at + 8 :]


def with_meta(*boxes: bytes) -> bytes:
    """Write a file of the type of AVIF with its index."""
    kind = box(b"ftyp", b"avif\0\0\0\0avifmif1miaf")
    handler = full(b"hdlr", bytes(4) + b"pict" + bytes(13))
    return kind + full(b"meta", handler + b"".join(boxes)) + box(b"mdat", bytes(1_000))


def item(number: int, kind: bytes) -> bytes:
    """Name an item."""
    return full(b"infe", pack(">HH", number, 0) + kind + b"\0", 2)


def items(count: int) -> bytes:
    """Write an index of many images, all in the same place."""
    infos = pack(">H", count) + b"".join(item(n + 1, b"av01") for n in range(count))
    places = b"\x44\0" + pack(">H", count)
    places += b"".join(pack(">HHHII", n + 1, 0, 1, 500, 900) for n in range(count))
    return with_meta(full(b"pitm", b"\0\1"), full(b"iinf", infos), full(b"iloc", places))


def grid(rows: int, columns: int, side: int) -> bytes:
    """Write a grid whose every tile is the same image."""
    infos = pack(">H", 2) + item(1, b"grid") + item(2, b"av01")
    content = bytes([0, 1, rows - 1, columns - 1]) + pack(">II", side, side)
    places = b"\x44\x00" + pack(">H", 2) + b"".join(
        pack(">HHHII", number, 0, 1, 600, size) for number, size in ((1, len(content)), (2, 200))
    )  # fmt: skip
    tiles = pack(">HH", 1, rows * columns) + pack(">H", 2) * (rows * columns)
    size = full(b"ispe", pack(">II", side, side))
    properties = box(b"ipco", size) + full(b"ipma", pack(">IHBBHBB", 2, 1, 1, 1, 2, 1, 1))
    return with_meta(
        full(b"pitm", b"\0\1"), full(b"iinf", infos), full(b"iloc", places),
        full(b"iref", box(b"dimg", tiles)), box(b"iprp", properties),
    )  # fmt: skip


def nested(depth: int) -> bytes:
    """Write boxes in boxes."""
    inner = b""
    for _ in range(depth):
        inner = box(b"meta", inner)
    return box(b"ftyp", b"avif\0\0\0\0avifmif1") + inner


def long_sequence() -> bytes:
    """Have an animation say that it has two thousand million frames."""
    frames = [smooth(16, 16)] * 3
    data = animation("AVIF", frames, [100] * 3)
    for name in (b"stts", b"stsz"):
        at = data.index(name) + 12  # after the version, and a number
        data = data[:at] + pack(">I", 2_000_000_000) + data[at + 4 :]
    return data


def small() -> bytes:
    """Write an honest one."""
    return encoded(smooth(16, 16), "AVIF")


BOMBS = {
    "AVIF that claims 60,000² pixels": Bomb(lambda: claims(small(), 60_000)),
    "AVIF that claims 15,000² pixels": Bomb(lambda: claims(small(), 15_000)),
    "AVIF of 60,000 images": Bomb(lambda: items(60_000)),
    "AVIF of 10,000 images": Bomb(lambda: items(10_000)),
    "AVIF of a grid of 65,025 tiles": Bomb(lambda: grid(255, 255, 15_000)),
    "AVIF of boxes in boxes": Bomb(lambda: nested(2_000)),
    "AVIF that says 2 G frames": Bomb(long_sequence),
    "AVIF of a profile of 60 MB": Bomb(lambda: small() + box(b"colr", b"prof" + bytes(60 * MB))),
    "HEIC that claims 60,000² pixels": Bomb(lambda: claims(HEIC, 60_000)),
}
