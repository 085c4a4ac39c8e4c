"""HEIF's boxes in AVIF and HEIC files, as far as libheif does not follow them.

Names are those of ISO/IEC 14496-12 and 23008-12.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from struct import error as unpackable
from struct import unpack
from typing import NamedTuple

from engine.sources.source import Content

MOST_BOXES = 1_000  # of one parent
MOST_NUMBERS = 20_000  # of all tables; a thousand items, as libheif takes at most, have fewer
LONGEST = 1 << 20  # bytes of one box of tables
MOST_OF_PROPERTY = 4096  # bytes; what is looked at of one has fewer, but for profiles
_OUTERMOST = {b"ftyp", b"meta", b"moov", b"mdat"}  # what others hold nobody needs
_ALPHA = {
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
    b"urn:mpeg:hevc:2015:auxid:1\0",
}


class Box(NamedTuple):
    """One box: its kind, and where its body begins and ends."""

    kind: bytes
    start: int
    end: int


class Association(NamedTuple):
    """A property of an item; its index is written at `place`, in `size` bytes."""

    kind: bytes
    body: bytes
    place: int
    size: int


@dataclass
class Tables:
    """What the box of metadata says: items, their properties, and where their bytes are.

    `alpha` are the items that are another's opacity, by that other's number; `premultiplied`
    are items whose colours are multiplied by theirs; `inputs` are those that an item is put
    together from: tiles, layers.
    """

    primary: int = 0
    properties: dict[int, list[Association]] = field(default_factory=dict)
    alpha: dict[int, int] = field(default_factory=dict)
    premultiplied: set[int] = field(default_factory=set)
    inputs: dict[int, set[int]] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)

    def of(self, item: int, kind: bytes) -> bytes | None:
        """Return the body of an item's first property of a kind."""
        found = (each.body for each in self.properties.get(item, ()) if each.kind == kind)
        return next(found, None)

    def chroma(self, item: int) -> int | None:
        """Return HEVC's number of an item's format: grey 0, 4:2:0, 4:2:2, 4:4:4; None if untold."""
        av1, hevc = (self.of(item, kind) or b"" for kind in (b"av1C", b"hvcC"))
        if len(av1) > 2:
            grey, halved, lower = av1[2] & 0x10, av1[2] & 0x08, av1[2] & 0x04
            return 0 if grey else 1 if lower else 2 if halved else 3
        return hevc[16] & 3 if len(hevc) > 16 else None

    def decoded(self) -> set[int]:
        """Return the items that are decoded for the primary one: it, its opacity, their inputs."""
        found, due = set[int](), {self.primary}
        while due:
            item = due.pop()
            found.add(item)
            due |= ({self.alpha.get(item, item)} | self.inputs.get(item, set())) - found
        return found


def boxes(data: Content, start: int, end: int) -> Iterator[Box]:
    """List the boxes between two places; what is broken ends them."""
    for _ in range(MOST_BOXES):
        head = bytes(data[start : min(start + 16, end)])
        if len(head) < 8:
            return
        size, body = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), start + 16
        until = end if size == 0 else start + size
        if not body <= until <= end:
            return
        yield Box(head[4:8], body, until)
        start = until


def ends_of_boxes(data: Content) -> Iterator[int]:
    """Tell where each outermost box of pixels or tables says that it ends; the last may lie."""
    start = 0
    for _ in range(MOST_BOXES):
        head = bytes(data[start : min(start + 16, len(data))])
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:16], "big") if size == 1 else size
        if len(head) < 8 or size < 8:
            return
        start += size
        if head[4:8] in _OUTERMOST:
            yield start


def entries(data: Content) -> Iterator[int]:
    """Tell how many items each table of the box of metadata says that it lists, and references."""
    meta = within(data, Box(b"", 0, len(data)), b"meta")
    if meta is None:
        return
    for kind, start, end in boxes(data, meta.start + 4, meta.end):
        if kind == b"iloc":
            yield _first_number(data, start + 6, wide=data[start] > 1)
        elif kind == b"iinf":
            yield _first_number(data, start + 4, wide=data[start] > 0)
        elif kind == b"iref":
            wide = data[start] > 0
            listed = boxes(data, start + 4, end)
            yield from (_first_number(data, each.start + 2 + 2 * wide) for each in listed)


def _first_number(data: Content, at: int, *, wide: bool = False) -> int:
    return int.from_bytes(data[at : at + 2 + 2 * wide], "big")


def within(data: Content, box: Box, *path: bytes, skip: int = 0) -> Box | None:
    """Follow a path of kinds down into a box, the first of each; `skip` bytes of the box itself."""
    start, end = box.start + skip, box.end
    for kind in path:
        found = next((each for each in boxes(data, start, end) if each.kind == kind), None)
        if found is None:
            return None
        box, start, end = found, found.start, found.end
    return box


def read_tables(data: Content) -> Tables | None:
    """Read the box of metadata; None if there is none, or none that can be read."""
    meta = within(data, Box(b"", 0, len(data)), b"meta")
    if meta is None:
        return None
    tables, read = Tables(), _Reader(data, meta)
    try:
        tables.primary = read.primary()
        tables.properties = read.properties()
        tables.places = read.places()
        for kind, item, other in read.references():
            if kind == b"auxl" and (tables.of(item, b"auxC") or b"")[4:] in _ALPHA:
                tables.alpha[other] = item
            elif kind == b"prem":
                tables.premultiplied.add(item)
            elif kind == b"dimg":
                tables.inputs.setdefault(item, set()).add(other)
    except (unpackable, IndexError, ValueError):
        return None
    return tables


class _Reader:
    def __init__(self, data: Content, meta: Box) -> None:
        self._data = data
        self._left = MOST_NUMBERS
        self._boxes = {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}

    def _body(self, kind: bytes) -> tuple[int, int, int, "_Cursor"]:
        """Return version, flags, the place of the body, and a cursor on it; empty without a box."""
        box = self._boxes.get(kind, Box(kind, 0, 0))
        body = bytes(self._data[box.start : min(box.end, box.start + LONGEST)])
        head = body[:4].ljust(4, b"\0")
        return head[0], int.from_bytes(head[1:], "big"), box.start, self._cursor(body[4:])

    def _cursor(self, body: bytes) -> "_Cursor":
        return _Cursor(body, self._count)

    def _count(self, numbers: int) -> None:
        """Count numbers that are to be read; ValueError if there are more than anybody needs."""
        self._left -= numbers
        if self._left < 0:
            raise ValueError(f"more than {MOST_NUMBERS} numbers")

    def primary(self) -> int:
        version, _, _, cursor = self._body(b"pitm")
        return cursor.number(2 if version == 0 else 4) if cursor.left else 0

    def properties(self) -> dict[int, list[Association]]:
        """Read which properties belong to which items."""
        whole = self._boxes.get(b"iprp")
        container = whole and within(self._data, whole, b"ipco")
        if whole is None or container is None:
            return {}
        known = [
            (box.kind, bytes(self._data[box.start : min(box.end, box.start + MOST_OF_PROPERTY)]))
            for box in boxes(self._data, container.start, container.end)
        ]
        found: dict[int, list[Association]] = {}
        for box in boxes(self._data, whole.start, whole.end):
            if box.kind == b"ipma":
                self._associations(box, known, found)
        return found

    def _associations(
        self, box: Box, known: list[tuple[bytes, bytes]], found: dict[int, list[Association]]
    ) -> None:
        body = bytes(self._data[box.start : min(box.end, box.start + LONGEST)])
        cursor = self._cursor(body[4:])
        wide, size = body[0] > 0, 2 if body[3] & 1 else 1
        for _ in cursor.entries(4, 2):
            item = cursor.number(4 if wide else 2)
            for _ in cursor.entries(1, 1):
                place = box.start + 4 + cursor.at
                index = cursor.number(size) & (0x7FFF if size == 2 else 0x7F)
                if 0 < index <= len(known):
                    kind, content = known[index - 1]
                    found.setdefault(item, []).append(Association(kind, content, place, size))

    def places(self) -> dict[int, tuple[int, int]]:
        """Read where the items' bytes begin and how many there are; of the first part only."""
        version, _, _, cursor = self._body(b"iloc")
        if not cursor.left:
            return {}
        sizes = cursor.number(2)
        offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        found = {}
        for _ in cursor.entries(2 if version < 2 else 4, 4):
            item = cursor.number(2 if version < 2 else 4)
            method = cursor.number(2) & 15 if version else 0
            cursor.number(2)
            start = cursor.number(base)
            parts = []
            for _ in cursor.entries(2, 3):
                cursor.number(index if version else 0)
                parts.append((start + cursor.number(offset), cursor.number(length)))
            if parts and method == 0:
                found[item] = parts[0]
        return found

    def references(self) -> Iterator[tuple[bytes, int, int]]:
        """List what items are to others: the kind of it, the item, and the other."""
        version, _, place, _ = self._body(b"iref")
        box = self._boxes.get(b"iref")
        if box is None:
            return
        size = 2 if version == 0 else 4
        for reference in boxes(self._data, place + 4, box.end):
            end = min(reference.end, reference.start + LONGEST)
            cursor = self._cursor(bytes(self._data[reference.start : end]))
            item = cursor.number(size)
            for _ in cursor.entries(2, 1):
                yield reference.kind, item, cursor.number(size)


class _Cursor:
    """Reads numbers of any width, one behind the other."""

    def __init__(self, body: bytes, on_numbers: Callable[[int], None]) -> None:
        self._body = body
        self._on_numbers = on_numbers
        self.at = 0

    @property
    def left(self) -> int:
        return len(self._body) - self.at

    def number(self, size: int) -> int:
        """Read a number of so many bytes; ValueError if they are not there."""
        start, end = self.at, self.at + size
        if end > len(self._body):
            raise ValueError(f"{size} bytes at {start}")
        self.at = end
        return int.from_bytes(self._body[start:end], "big")

    def entries(self, size: int, numbers: int) -> range:
        """Read how many entries follow, each of so many numbers at least; ValueError for too many.

        These numbers are counted at once, so nothing is read of a table that nobody needs.
        """
        count = self.number(size)
        self._on_numbers(count * numbers)
        return range(count)


def colour_code_points(tables: Tables, item: int) -> tuple[int, int, bool] | None:
    """Return H.273's primaries and transfer, and whether levels are full; None if not told."""
    for each in tables.properties.get(item, ()):
        if each.kind == b"colr" and each.body[:4] == b"nclx" and len(each.body) >= 11:
            primaries, transfer = unpack(">2H", each.body[4:8])
            return primaries, transfer, bool(each.body[10] & 0x80)
    return None
