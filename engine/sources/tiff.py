"""TIFF's outer structure: the first directory, and whether all its pixels are there.

EXIF is written in the same structure.
"""

from collections.abc import Sequence
from struct import calcsize, unpack
from struct import error as unpackable
from typing import NamedTuple

from engine.sources.source import Content

STRIPS = ((273, 279), (324, 325))  # tags of offsets and lengths, of strips and of tiles
_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
MOST_ENTRIES = 4096


class _Kind(NamedTuple):
    """How wide the numbers of a file are: TIFF's, or BigTIFF's of 64 bits."""

    entries: str
    word: str
    inline: int


class Entry(NamedTuple):
    """One field of a directory: its type, how many values it has, and where these lie."""

    kind: int
    values: int
    at: int


class Directory:
    """The first directory of a TIFF file; empty if there is none to be read."""

    def __init__(self, data: Content) -> None:
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        try:
            self._entries = self._read(_kind_of(data))
        except unpackable:
            self._entries = {}

    def values(self, tag: int) -> Sequence[int]:
        """Give a field's numbers, or its bytes as numbers; empty if there are none."""
        entry = self._entries.get(tag)
        if entry is None or entry.kind not in _CODES:
            return ()
        layout = f"{self._order}{entry.values}{_CODES[entry.kind]}"
        try:
            return self._unpack(layout, entry.at)
        except unpackable:
            return ()

    def _read(self, kind: _Kind) -> dict[int, Entry]:
        at = self._number(kind.word, kind.inline)
        count = self._number(kind.entries, at)
        at += calcsize(f"={kind.entries}")
        step = 4 + 2 * kind.inline
        entries = {}
        for place in range(at, at + step * min(count, MOST_ENTRIES), step):
            tag, code = self._number("H", place), self._number("H", place + 2)
            values, where = self._number(kind.word, place + 4), place + 4 + kind.inline
            if calcsize(f"={_CODES.get(code, 'Q')}") * values > kind.inline:
                where = self._number(kind.word, where)
            entries[tag] = Entry(code, values, where)
        return entries

    def _number(self, code: str, at: int) -> int:
        (found,) = self._unpack(f"{self._order}{code}", at)
        return int(found)

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        return unpack(layout, self._data[at : at + calcsize(layout)])


def _kind_of(data: Content) -> _Kind:
    return _Kind("Q", "Q", 8) if 43 in data[2:4] else _Kind("H", "I", 4)


def is_cut_short(data: Content) -> bool:
    """Tell whether strips or tiles of the first page lie beyond the end.

    libtiff calls their lengths bogus then, and makes up others that fit.
    """
    directory = Directory(data)
    return any(
        at + length > len(data)
        for offsets, lengths in STRIPS
        for at, length in zip(directory.values(offsets), directory.values(lengths), strict=False)
    )
