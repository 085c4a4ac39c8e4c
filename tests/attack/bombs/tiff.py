"""Bombs of TIFF."""

import zlib
from collections.abc import Iterable
from struct import pack

import numpy as np

from tests.attack.bombs.bomb import Bomb
from tests.engine.tiff_files import Tiff

MB = 1_000_000
SHORT, LONG = 3, 4
Entry = tuple[int, int, int, int]  # tag, type, count, value


def directory(entries: Iterable[Entry], after: int) -> bytes:
    """Write a directory; `after` is where the next one lies."""
    found = [*entries]
    body = b"".join(pack("<HHII", *entry) for entry in found)
    return pack("<H", len(found)) + body + pack("<I", after)


def entries(width: int, height: int, strips: Entry, lengths: Entry, *more: Entry) -> list[Entry]:
    """Give the fields of a grey image."""
    return sorted([
        (256, LONG, 1, width), (257, LONG, 1, height), (258, SHORT, 1, 8), (259, SHORT, 1, 8),
        (262, SHORT, 1, 1), strips, (277, SHORT, 1, 1), lengths, *more,
    ])  # fmt: skip


def deflated(width: int, height: int, *more: Entry, after: int = 0, data: bytes = b"") -> bytes:
    """Write a grey image of zeros in one strip."""
    data = data or zlib.compress(bytes(width * height), 9)
    fields = entries(
        width, height, (273, LONG, 1, 8), (279, LONG, 1, len(data)), (278, LONG, 1, height), *more
    )
    return b"II*\0" + pack("<I", 8 + len(data)) + data + directory(fields, after)


def chain(count: int) -> bytes:
    """Write directories that each lead to the next."""
    fields = entries(8, 8, (273, LONG, 1, 8), (279, LONG, 1, 64), (278, LONG, 1, 8))
    size, start = len(directory(fields, 0)), 8 + 64
    places = [start + size * n for n in range(1, count)] + [0]
    body = b"".join(directory(fields, place) for place in places)
    return b"II*\0" + pack("<I", start) + bytes(64) + body


def tags(count: int) -> bytes:
    """Write an image with unknown tags."""
    return deflated(8, 8, *((40_000 + n, LONG, 1, n) for n in range(count)))


def tiles(side: int, tile: int) -> bytes:
    """Write an image of tiles that are all the same."""
    data, count = zlib.compress(bytes(tile * tile), 9), (-(-side // tile)) ** 2
    start = 8 + len(data)
    fields = entries(
        side, side, (324, LONG, count, start), (325, LONG, count, start + 4 * count),
        (322, LONG, 1, tile), (323, LONG, 1, tile),
    )  # fmt: skip
    table = pack(f"<{count}I", *[8] * count) + pack(f"<{count}I", *[len(data)] * count)
    where = start + len(table)
    return b"II*\0" + pack("<I", where) + data + table + directory(fields, 0)


LARGE = 4_000_000_000

BOMBS = {
    "TIFF of 12,000² pixels in 140 kB": Bomb(lambda: deflated(12_000, 12_000)),
    "TIFF that claims 2³² pixels a side": Bomb(
        lambda: deflated(2**32 - 1, 2**32 - 1, data=bytes(64))
    ),
    "TIFF of 15,000² pixels and no data": Bomb(lambda: deflated(15_000, 15_000, data=bytes(64))),
    "TIFF of 100,000 directories": Bomb(lambda: chain(100_000)),
    "TIFF of directories in a loop": Bomb(
        lambda: deflated(8, 8, after=8 + len(zlib.compress(bytes(64), 9)))
    ),
    "TIFF of 4,000 tags": Bomb(lambda: tags(4_000)),
    "TIFF of 25,000 tags": Bomb(lambda: tags(25_000)),
    "TIFF of 390,625 tiles": Bomb(lambda: tiles(10_000, 16)),
    "TIFF of a strip count of 4 G": Bomb(
        lambda: b"II*\0" + pack("<I", 8)
        + directory(entries(8, 100_000_000, (273, LONG, LARGE, 8), (279, LONG, LARGE, 8),
                            (278, LONG, 1, 1)), 0)
    ),
    "TIFF of a profile of 4 GB": Bomb(lambda: deflated(8, 8, (34675, 7, LARGE, 8))),
    "TIFF of XMP of 4 GB": Bomb(lambda: deflated(8, 8, (700, 1, LARGE, 8))),
    "TIFF of a sub-directory in a loop": Bomb(
        lambda: deflated(8, 8, (330, LONG, 1, 8 + len(zlib.compress(bytes(64), 9))))
    ),
    "TIFF of 120,000 strips": Bomb(
        lambda: bytes(Tiff(np.zeros((120_000, 1, 1), np.uint8), photometric=1, rows=1))
    ),
}  # fmt: skip
