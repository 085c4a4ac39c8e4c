"""AVIF's boxes, AV1's header and ICC's tags are read within moments, whatever they say."""

from struct import pack

import pytest

from engine.sources import heif
from engine.sources.metadata import icc
from tests.hostile.bombs import box
from tests.hostile.guard import ends

LARGE = 4_000_000  # bytes


def full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return box(kind, pack(">I", version << 24) + body)


def file(*tables: bytes) -> bytes:
    """Write an AVIF of nothing but tables."""
    head = box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf")
    primary = full(b"pitm", pack(">H", 1))
    return head + full(
        b"meta", full(b"hdlr", bytes(4) + b"pict" + bytes(13)) + primary + b"".join(tables)
    )


def properties(*associations: bytes) -> bytes:
    return box(b"iprp", box(b"ipco", full(b"ispe", bytes(8))) + b"".join(associations))


def associations(items: int) -> bytes:
    return full(b"ipma", pack(">I", items) + b"\0\1\1\1" * items)


def track(kind: bytes, length: int) -> bytes:
    """Write a track whose one sample is most of the file."""
    entry = box(b"av01", bytes(78) + box(b"av1C", bytes(4)))
    table = box(
        b"stbl",
        full(b"stsd", pack(">I", 1) + entry)
        + full(b"stsz", pack(">II", length, 1))
        + full(b"stco", pack(">II", 1, 0)),
    )
    handler = full(b"hdlr", bytes(4) + kind + bytes(13))
    return box(b"trak", box(b"mdia", handler + box(b"minf", table)))


def movie(tracks: int, kinds: int) -> bytes:
    names = (b"pict" if number >= kinds else pack(">I", number) for number in range(tracks))
    size = 8_000_000
    return box(b"moov", b"".join(track(name, size) for name in names)) + box(b"mdat", bytes(size))


PARTS = pack(">H", 9_999) + b"\0\1\0\0\xff\xff" * 9_999
AVIFS = {
    "parts of no size": lambda: file(full(b"iloc", b"\0\0" + PARTS)),
    "associations": lambda: file(properties(*[associations(LARGE // 40)] * 10)),
    "boxes of associations": lambda: file(properties(*[associations(1)] * (LARGE // 16))),
    "references": lambda: file(
        full(b"iref", box(b"auxl", pack(">HH", 1, 65_535) + bytes(2 * 65_535)) * (LARGE // 131_082))
    ),
    "empty boxes": lambda: file(box(b"free", b"") * (LARGE // 8)),
    "nothing within": lambda: box(b"meta", b"\0\0\0\0") * (LARGE // 12),
    "tracks": lambda: movie(9_000, 0),
    "tracks of many kinds": lambda: movie(9_000, 9_000),
}


@pytest.mark.parametrize("name", AVIFS)
def test_tables_are_read_soon(name: str) -> None:
    avif = AVIFS[name]()
    with ends(name):
        heif.needs_mending(avif)
        heif.levels_of(avif)
        heif.code_points_of(avif)
        assert len(heif.mended(avif)) < 30_000_000


def test_tables_of_as_many_items_as_libheif_takes_are_read() -> None:
    tables = heif.read_tables(
        file(
            full(b"iloc", b"\x44\0" + pack(">H", 1000) + bytes(14) * 1000),
            properties(associations(1000)),
        )
    )
    assert tables is not None
    assert len(tables.properties[1]) == 1000


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a" + b"\xff" * LARGE,  # a length without an end
        b"\x12\0" * LARGE,
        b"\x0a\xff\xff\xff\x7f" + bytes(LARGE),
        b"\x0a\xff\xff\xff\x7f\4\xf0" + bytes(LARGE),
        b"\x08" + bytes(LARGE),
    ],
)
def test_sequence_headers_are_read_soon(data: bytes) -> None:
    with ends(data[:8]):
        heif.has_full_range(data)


def test_tags_that_overlap_are_not_copied_whole() -> None:
    """A hundred tags, each as long as the profile of 8 MB."""
    size = 8_000_000
    tags = b"".join(pack(">4sII", b"%04d" % tag, 0, size) for tag in range(100))
    profile = bytes(128) + pack(">I", 100) + tags + bytes(size)
    assert sum(len(body) for _, body in icc._tags(profile)) < 3 * size
