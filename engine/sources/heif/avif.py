"""AVIF and HEIC as browsers show them where libheif does not: sequences, levels, turned alpha."""

from struct import pack, unpack
from typing import NamedTuple

from engine.geometry import Size
from engine.sources.heif import av1
from engine.sources.heif.boxes import (
    Association,
    Box,
    Tables,
    boxes,
    colour_code_points,
    read_tables,
    within,
)
from engine.sources.source import Buffer, Content

_KINDS = {b"pict", b"vide", b"auxv"}  # of tracks
_TURNS = {b"irot", b"imir"}
_HEADER = 256  # bytes of an item that hold its sequence header
# EXIF's orientation for quarter turns clockwise, without and with a mirror image before them.
_TURNED, _MIRRORED = (1, 6, 3, 8), (2, 7, 4, 5)
# Kinds of a sample's entry, and of the item that a still picture of it is.
_CODINGS = {b"av01": b"av01", b"hvc1": b"hvc1", b"hev1": b"hvc1"}
_BRANDS = {b"av01": (b"avif", b"avifmif1miaf"), b"hvc1": (b"heic", b"heicmif1")}
_SETTINGS = (b"av1C", b"hvcC", b"colr", b"pixi", b"clap")
_ENTRY = 78  # bytes of a visual sample's entry before its boxes
_URN = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


class Levels(NamedTuple):
    """Which planes have black at 16 and white at 235, and are given by libheif as they are."""

    grey: bool = False
    alpha: bool = False


class Track(NamedTuple):
    """The first sample of a sequence's track: its coding, size, the boxes of its entry, its bytes.

    `coding` is the kind of an item that is coded so; `premultiplied` tells that the colours are.
    """

    coding: bytes
    width: int
    height: int
    settings: dict[bytes, bytes]
    sample: bytes
    premultiplied: bool


def mended(data: Buffer) -> Buffer:
    """Give a copy that libheif shows as browsers do; the same bytes where it does anyway.

    The first picture of a sequence that has no still one is made one. Where opacity is not told
    to turn with the colours, or these would move, nothing is turned, for us to turn it.
    """
    tables = read_tables(data)
    if tables is None or not tables.primary:
        return _still(data) or data
    if orientation_left(data) is None:
        return data
    patched = bytearray(data)
    for item in {tables.primary, tables.alpha.get(tables.primary, tables.primary)}:
        for each in _turns(tables, item):
            patched[each.place : each.place + each.size] = bytes(each.size)
    return bytes(patched)


def needs_mending(data: Content) -> bool:
    """Tell whether `mended` would change anything."""
    tables = read_tables(data)
    return tables is None or not tables.primary or orientation_left(data) is not None


def orientation_left(data: Content) -> int | None:
    """Give the orientation, as EXIF would, that libheif is kept from undoing; None if it may."""
    tables = read_tables(data)
    if tables is None:
        return None
    turns = [(each.kind, each.body) for each in _turns(tables, tables.primary)]
    if not turns or not (_leaves_alpha(tables) or _moves_colours(tables)):
        return None
    mirror, quarters = False, 0  # mirrored left and right, then turned
    for kind, body in turns:
        value = body[0] & 3 if body else 0
        if kind == b"irot":
            quarters -= value
        else:  # a mirror behind turns is one before turns the other way
            quarters = (0 if value & 1 else 2) - quarters
            mirror = not mirror
    return (_MIRRORED if mirror else _TURNED)[quarters % 4]


def _turns(tables: Tables, item: int) -> list[Association]:
    return [each for each in tables.properties.get(item, ()) if each.kind in _TURNS]


def _leaves_alpha(tables: Tables) -> bool:
    """Whether libheif would turn the colours only."""
    alpha = tables.alpha.get(tables.primary)
    return alpha is not None and not _turns(tables, alpha)


def _moves_colours(tables: Tables) -> bool:
    """Whether libheif would turn planes of colour that reach beyond those of brightness.

    They do where they are of half an odd size, and the half pixel comes to lie on the other side.
    """
    size = tables.of(tables.primary, b"ispe") or b""
    halved = tables.chroma(tables.primary) in {None, 1, 2}
    return halved and any(size[at] & 1 for at in (7, 11) if at < len(size))


def is_premultiplied(data: Content) -> bool:
    """Tell whether the colours are multiplied by their opacity."""
    _, tables = _shown(data)
    return tables is not None and tables.primary in tables.premultiplied & tables.alpha.keys()


def levels_of(data: Content) -> Levels:
    """Find planes of one band whose levels libheif does not stretch."""
    data, tables = _shown(data)
    if tables is None:
        return Levels()
    alpha = tables.alpha.get(tables.primary)
    return Levels(
        grey=_is_grey(tables, tables.primary) and _is_limited(data, tables, tables.primary),
        alpha=alpha is not None and _is_limited(data, tables, alpha),
    )


def code_points_of(data: Content) -> tuple[int, int] | None:
    """Give H.273's primaries and transfer where no ICC profile describes the colours."""
    _, tables = _shown(data)
    if tables is None:
        return None
    found = colour_code_points(tables, tables.primary)
    return None if found is None else found[:2]


def coded_size(data: Content) -> Size | None:
    """Give the largest size that is decoded; None if not told.

    An aperture may show little of it, and opacity and tiles may be larger than the image.
    """
    _, tables = _shown(data)
    told = [tables.of(item, b"ispe") or b"" for item in tables.decoded()] if tables else []
    sizes = [Size(*unpack(">II", body[4:12])) for body in told if len(body) >= 12]
    return max(sizes, key=lambda size: size.pixels, default=None)


def is_subsampled(data: Content) -> bool:
    """Tell whether all images in colour have fewer samples of it than pixels: 4:2:0, 4:2:2."""
    _, tables = _shown(data)
    coded = map(tables.chroma, tables.decoded()) if tables else []
    return set(filter(None, coded)) in ({1}, {2})


def _shown(data: Content) -> tuple[Content, Tables | None]:
    """Give the file whose tables describe what is shown, and these: of a sequence a still of it."""
    tables = read_tables(data)
    if tables is None or not tables.primary:
        still = _still(data)
        if still is not None:
            return still, read_tables(still)
    return data, tables


def _is_grey(tables: Tables, item: int) -> bool:
    settings = tables.of(item, b"av1C") or b""
    return len(settings) > 2 and bool(settings[2] & 0x10)


def _is_limited(data: Content, tables: Tables, item: int) -> bool:
    told = colour_code_points(tables, item)
    if told is not None:
        return not told[2]
    settings = tables.of(item, b"av1C")
    if settings is None:
        return False
    full = av1.has_full_range(settings[4:])
    if full is None and item in tables.places:
        start, length = tables.places[item]
        full = av1.has_full_range(bytes(data[start : start + min(length, _HEADER)]))
    return full is False


def _still(data: Content) -> bytes | None:
    """Write the first sample of each track as an item of a still picture; None without tracks."""
    movie = within(data, Box(b"", 0, len(data)), b"moov")
    if movie is None:
        return None
    tracks: dict[bytes, Track] = {}
    for box in boxes(data, movie.start, movie.end):
        if box.kind == b"trak" and (kind := _kind_of(data, box)) in _KINDS - tracks.keys():
            track = _first_sample(data, box)
            tracks |= {kind: track} if track else {}
    colours = tracks.get(b"pict") or tracks.get(b"vide")
    if colours is None:
        return None
    return _write_still([colours, *filter(None, [tracks.get(b"auxv")])])


def _kind_of(data: Content, track: Box) -> bytes:
    handler = within(data, track, b"mdia", b"hdlr")
    return bytes(data[handler.start + 8 : handler.start + 12]) if handler else b""


def _first_sample(data: Content, track: Box) -> Track | None:
    table = within(data, track, b"mdia", b"minf", b"stbl")
    if table is None:
        return None
    parts = {box.kind: box for box in boxes(data, table.start, table.end)}
    places, wide = (parts.get(b"stco"), 4) if b"stco" in parts else (parts.get(b"co64"), 8)
    entry = _entry(data, parts[b"stsd"]) if b"stsd" in parts else None
    sizes = parts.get(b"stsz")
    if entry is None or places is None or sizes is None:
        return None
    place = int.from_bytes(data[places.start + 8 : places.start + 8 + wide], "big")
    same, several = (
        int.from_bytes(data[sizes.start + at : sizes.start + at + 4], "big") for at in (4, 12)
    )
    head = bytes(data[entry.start : entry.start + _ENTRY]).ljust(_ENTRY, b"\0")
    settings = {
        box.kind: bytes(data[box.start : box.end])
        for box in boxes(data, entry.start + _ENTRY, entry.end)
    }
    width, height = (int.from_bytes(head[at : at + 2], "big") for at in (24, 26))
    sample = bytes(data[place : place + (same or several)])
    premultiplied = within(data, track, b"tref", b"prem") is not None
    return Track(_CODINGS[entry.kind], width, height, settings, sample, premultiplied)


def _entry(data: Content, descriptions: Box) -> Box | None:
    found = (within(data, descriptions, kind, skip=8) for kind in _CODINGS)
    return next(filter(None, found), None)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return pack(">I4s", 8 + len(body), kind) + body


def _write_still(tracks: list[Track]) -> bytes:
    """Write a still picture: the first track's colours, the second's opacity."""
    properties, associations, items, references = b"", b"", b"", b""
    index, turns = 0, tracks[0].settings
    brand, others = _BRANDS[tracks[0].coding]
    for item, track in enumerate(tracks, 1):
        own = [_box(b"ispe", pack(">III", 0, track.width, track.height))]
        own += [_box(name, track.settings[name]) for name in _SETTINGS if name in track.settings]
        # Turns are those of the colours: opacity has none of its own in a sequence.
        own += [_box(name, turns[name]) for name in (b"irot", b"imir") if name in turns]
        own += [_box(b"auxC", bytes(4), _URN)] if item > 1 else []
        properties += b"".join(own)
        numbers = range(index + 1, index + 1 + len(own))
        associations += pack(">HB", item, len(own)) + bytes(numbers)
        index += len(own)
        items += _box(b"infe", b"\2\0\0\0", pack(">HH4s", item, 0, track.coding), b"\0")
        if item > 1:
            references += _box(b"auxl", pack(">HHH", item, 1, 1))
            references += _box(b"prem", pack(">HHH", 1, 1, item)) * tracks[0].premultiplied

    def file(start: int) -> bytes:
        places, at = b"", start
        for item, track in enumerate(tracks, 1):
            places += pack(">HHHII", item, 0, 1, at, len(track.sample))
            at += len(track.sample)
        meta = _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8), b"pict", bytes(13)),
            _box(b"pitm", bytes(4), pack(">H", 1)),
            _box(b"iloc", bytes(4), b"\x44\0", pack(">H", len(tracks)), places),
            _box(b"iinf", bytes(4), pack(">H", len(tracks)), items),
            _box(b"iref", bytes(4), references) if references else b"",
            _box(
                b"iprp",
                _box(b"ipco", properties),
                _box(b"ipma", bytes(4), pack(">I", len(tracks)), associations),
            ),
        )
        return _box(b"ftyp", brand, bytes(4), others) + meta

    head = file(0)
    return file(len(head) + 8) + _box(b"mdat", *(track.sample for track in tracks))
