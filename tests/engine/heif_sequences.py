"""Sequences of images that have no still one, made of a still image box by box."""

from struct import pack

from engine.sources import heif

BRANDS = {b"av01": b"avis", b"hvc1": b"hevc"}


def box(kind: bytes, *parts: bytes) -> bytes:
    """Write a box."""
    body = b"".join(parts)
    return pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *parts: bytes) -> bytes:
    """Write a box that has a version and flags, all of them 0."""
    return box(kind, bytes(4), *parts)


def sequence_of(still: bytes, coding: bytes, more: bytes = b"", entry: bytes = b"") -> bytes:
    """Write a track of one sample: the primary image of a file, with its properties.

    `coding` is the kind of its item, `more` are boxes beside these properties. `entry` is what
    the sample's entry is called, where that is something else.
    """
    tables = heif.read_tables(still)
    assert tables is not None
    start, length = tables.places[tables.primary]
    own = {each.kind: each.body for each in tables.properties[tables.primary]}
    sample = still[start : start + length]
    size = own.pop(b"ispe")[4:]
    width, height = size[2:4], size[6:8]
    described = box(
        entry or coding,
        bytes(6) + pack(">H", 1) + bytes(16) + width + height + bytes(50),
        *(box(kind, body) for kind, body in own.items()),
        more,
    )

    def file(at: int) -> bytes:
        table = box(
            b"stbl",
            full(b"stsd", pack(">I", 1), described),
            full(b"stsz", pack(">III", 0, 1, length)),
            full(b"stco", pack(">II", 1, at)),
        )
        handler = full(b"hdlr", bytes(4), b"pict", bytes(13))
        track = box(b"trak", box(b"mdia", handler, box(b"minf", table)))
        brands = box(b"ftyp", BRANDS[coding], bytes(4), b"msf1", BRANDS[coding])
        return brands + box(b"moov", track)

    return file(len(file(0)) + 8) + box(b"mdat", sample)
