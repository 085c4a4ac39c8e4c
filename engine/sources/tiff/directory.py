"""TIFF's outer structure: the fields of a file's first directory.

EXIF is written in the same structure. The file is not trusted: nothing is read that is not
asked for, and whoever asks says how much at the most.
"""

from collections.abc import Sequence
from struct import calcsize, iter_unpack, unpack
from struct import error as unpackable
from typing import NamedTuple

from engine.sources.source import Content

# Types of fields, by struct's letters; a rational is two numbers.
_CODES = {
    1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii",
    11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
_RATIONALS, _WHOLE = {5, 10}, {1, 3, 4, 6, 8, 9, 13, 16, 17, 18}


class Kind(NamedTuple):
    """How wide the numbers of a file are: TIFF's, or BigTIFF's of 64 bits."""

    entries: str
    word: str
    inline: int


CLASSIC, BIG = Kind("H", "I", 4), Kind("Q", "Q", 8)


class Entry(NamedTuple):
    """One field: its type, how many values it has, and where these lie."""

    type: int
    values: int
    at: int


class Directory:
    """The first directory of a TIFF file; empty if there is none to be read.

    `announced` is how many fields it says that it has, as far as the file has room for them;
    no more than `most` are read. Of fields that are there twice the first counts, as for
    libtiff.
    """

    def __init__(self, data: Content, most: int | None = None) -> None:
        self._data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.kind = BIG if 43 in data[2:4] else CLASSIC
        self.announced = 0
        self._entries: dict[int, Entry] = {}
        try:
            self._read(most)
        except unpackable:
            self._entries = {}

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def count(self, tag: int) -> int:
        """Return how many values a field says that it has; 0 if it is not there."""
        entry = self._entries.get(tag)
        return entry.values if entry else 0

    def is_there(self, tag: int) -> bool:
        """Return whether all that a field says that it has can be in the file."""
        entry = self._entries.get(tag)
        return entry is not None and entry.at + entry.values <= len(self._data)

    def values(self, tag: int, most: int) -> Sequence[float]:
        """Return a field's first numbers; none if they are not all in the file."""
        entry = self._entries.get(tag)
        if entry is None or entry.type not in _CODES:
            return ()
        code = _CODES[entry.type]
        count = min(entry.values, most)
        if entry.at + calcsize(f"={code}") * count > len(self._data):
            return ()
        found = self._unpack(f"{self.order}{count * len(code)}{code[0]}", entry.at)
        if entry.type in _RATIONALS:
            pairs = zip(found[::2], found[1::2], strict=True)
            return tuple(over / under if under else 0 for over, under in pairs)
        return found

    def numbers(self, tag: int, most: int) -> Sequence[int]:
        """Return a field's first numbers; none if they are not whole, or below 0."""
        entry = self._entries.get(tag)
        if entry is None or entry.type not in _WHOLE:
            return ()
        found = self.values(tag, most)
        return found if min(found, default=0) >= 0 else ()  # type: ignore[return-value]

    def raw(self, tag: int, most: int) -> bytes:
        """Return a field's first bytes as they lie; none if they are not all in the file."""
        entry = self._entries.get(tag)
        if entry is None or entry.type not in _CODES:
            return b""
        length = calcsize(f"={_CODES[entry.type]}") * entry.values
        is_there = entry.at + length <= len(self._data)
        return bytes(self._data[entry.at : entry.at + min(length, most)]) if is_there else b""

    def _read(self, most: int | None) -> None:
        kind = self.kind
        (at,) = self._unpack(f"{self.order}{kind.word}", kind.inline)
        if at < 2 * kind.inline:
            return  # within the header
        (told,) = self._unpack(f"{self.order}{kind.entries}", at)
        at += calcsize(f"={kind.entries}")
        layout = f"{self.order}HH{kind.word}{kind.inline}s"
        step = calcsize(layout)
        self.announced = max(0, min(told, (len(self._data) - at) // step))
        count = self.announced if most is None else min(most, self.announced)
        body = self._data[at : at + step * count]
        for place, (tag, code, values, inline) in enumerate(iter_unpack(layout, body)):
            where = at + place * step + step - kind.inline
            if calcsize(f"={_CODES.get(code, 'Q')}") * values > kind.inline:
                (where,) = unpack(f"{self.order}{kind.word}", inline)
            self._entries.setdefault(tag, Entry(code, values, where))

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        return unpack(layout, self._data[at : at + calcsize(layout)])
