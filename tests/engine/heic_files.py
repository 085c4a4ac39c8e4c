"""HEIC files that no encoder here writes: made from one that is there, box by box."""

from struct import pack

from engine.sources import heif
from tests.engine.images import DATA

FOLDER = DATA / "pictures" / "heic"
WIDE, HIGH = 128, 64  # of each


def picture(name: str) -> bytes:
    """Read one of the files."""
    return (FOLDER / f"{name}.heic").read_bytes()


def turned(quarters: int, mirror: int | None) -> bytes:
    """Turn `turned` anticlockwise by `irot`, and mirror it then by `imir` along one of its axes."""
    data = bytearray(picture("turned"))
    data[data.index(b"irot") + 4] = quarters
    at = data.index(b"imir")
    if mirror is None:
        data[at : at + 4] = b"free"
    else:
        data[at + 4] = mirror
    return bytes(data)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, *parts: bytes) -> bytes:
    return _box(kind, bytes(4), *parts)


def grid(columns: int, rows: int, aperture: tuple[int, int] | None = None) -> bytes:
    """Write a grid whose tiles are all the one image of `p3`, as phones write larger images.

    `aperture` is the width and height in the middle that is shown.
    """
    tile = picture("p3")
    tables = heif.read_tables(tile)
    assert tables is not None
    start, length = tables.places[tables.primary]
    size = columns * WIDE, rows * HIGH
    of_tile = [_box(each.kind, each.body) for each in tables.properties[tables.primary]]
    properties = [*of_tile, _full(b"ispe", pack(">II", *size))]
    if aperture:
        fractions = (*aperture, 0, 0)
        properties.append(_box(b"clap", *(pack(">II", number, 1) for number in fractions)))
    count, first = columns * rows, len(of_tile) + 1
    whole = count + 1
    described = pack(">4B", 0, 1, rows - 1, columns - 1) + pack(">II", *size)
    kinds = {**dict.fromkeys(range(1, whole), b"hvc1"), whole: b"grid"}
    of_items = {number: range(1, first) for number in kinds}
    of_items[whole] = range(first, len(properties) + 1)

    def file(at: int) -> bytes:
        places = b"".join(pack(">HHHII", number, 0, 1, at, length) for number in range(1, whole))
        places += pack(">HHHII", whole, 0, 1, at + length, len(described))
        names = [
            _box(b"infe", b"\2\0\0\0", pack(">HH4s", number, 0, kind), b"\0")
            for number, kind in kinds.items()
        ]
        owned = [pack(">HB", number, len(own)) + bytes(own) for number, own in of_items.items()]
        tiles = pack(f">{2 + count}H", whole, count, *range(1, whole))
        return _box(b"ftyp", b"heic", bytes(4), b"mif1heic") + _full(
            b"meta",
            _box(b"hdlr", bytes(8), b"pict", bytes(13)),
            _full(b"pitm", pack(">H", whole)),
            _full(b"iloc", b"\x44\0", pack(">H", whole), places),
            _full(b"iinf", pack(">H", whole), *names),
            _full(b"iref", _box(b"dimg", tiles)),
            _box(
                b"iprp",
                _box(b"ipco", *properties),
                _full(b"ipma", pack(">I", whole), *owned),
            ),
        )

    pixels = tile[start : start + length]
    return file(len(file(0)) + 8) + _box(b"mdat", pixels, described)
