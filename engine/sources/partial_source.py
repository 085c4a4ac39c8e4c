"""A source of which only some ranges are available; reading others raises which are needed.

The header of a large file in a far place is read so: bytes are fetched as they are asked for.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Protocol, overload

from msgspec import Struct


class Piece(Struct, frozen=True):
    """Bytes of a file, from `start` up to but without `end`."""

    start: int
    end: int


class MissingBytes(Exception):
    """A header goes on in bytes that are not at hand; `piece` is what was asked for first.

    No DarkroomError: nothing is wrong with the image.
    """

    def __init__(self, piece: Piece) -> None:
        super().__init__(f"bytes {piece.start} to {piece.end} are not at hand")
        self.piece = piece


class Pieces:
    """The bytes of a file with holes, by index and by slice; MissingBytes for a hole."""

    def __init__(self, fd: int, size: int, known: Sequence[Piece]) -> None:
        self._fd = fd
        self._size = size
        self._known = known
        self._at_hand = Piece(0, 0), b""

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int, /) -> int: ...
    @overload
    def __getitem__(self, place: slice, /) -> bytes: ...
    def __getitem__(self, place: int | slice, /) -> int | bytes:
        if isinstance(place, slice):
            start, end, step = place.indices(self._size)
            return b"".join(self._parts(start, end))[::step]
        piece, data = self._at_hand
        if piece.start <= place < piece.end:  # as a walk through a file asks, byte by byte
            return data[place - piece.start]
        if not 0 <= place < self._size:
            raise IndexError(place)
        return next(self._parts(place, place + 1))[0]

    def part(self, start: int, end: int) -> bytes:
        """Return bytes from `start` on as far as they are at hand; none if the first is not."""
        piece, data = self._at_hand
        if not piece.start <= start < piece.end:
            around = (each for each in self._known if each.start <= start < each.end)
            piece = next(around, Piece(start, start))
            data = os.pread(self._fd, piece.end - piece.start, piece.start)
            self._at_hand = piece, data
        return data[start - piece.start : end - piece.start]

    def require_all(self) -> None:
        """Raise MissingBytes for all from the first hole on."""
        for _ in self._parts(0, self._size):
            pass

    def _parts(self, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            part = self.part(start, end)
            if not part:
                raise MissingBytes(Piece(start, end))
            yield part
            start += len(part)


class PartialSource:
    """An image's bytes as far as they are at hand: `engine.source.Source`, for a header only.

    `fd`, which stays the caller's, is a file with the `known` pieces in their places; `size`
    is that of the whole image.
    """

    def __init__(self, fd: int, size: int, known: Sequence[Piece]) -> None:
        self.content = Pieces(fd, size, known)
        self.size = size

    def head(self, count: int) -> bytes:
        """Return the first bytes; MissingBytes if they are not at hand."""
        return self.content[:count]

    def part(self, start: int, end: int) -> bytes:
        """Return bytes from `start` on as far as they are at hand; none if the first is not."""
        return self.content.part(start, end)


class Parts(Protocol):
    """Bytes that are read in parts; there are none at a hole."""

    @property
    def size(self) -> int:
        """How many there are, with those in holes."""
        ...

    def part(self, start: int, end: int) -> bytes | memoryview:
        """Return bytes from `start` on, as far as they are at hand and before `end`."""
        ...


class Reader:
    """Reads a source as a file; at a hole it ends, and `check` tells of it."""

    def __init__(self, source: Parts) -> None:
        self._source = source
        self._at = 0
        self._missing: Piece | None = None

    def read(self, count: int) -> bytes | memoryview | None:
        """Give up to so many bytes, or None at the end."""
        start, end = self._at, min(self._at + count, self._source.size)
        part = self._source.part(start, end) if start < end else b""
        if start < end and not part and self._missing is None:
            self._missing = Piece(start, end)
        self._at += len(part)
        return part or None

    def seek(self, offset: int, whence: int) -> int:
        """Move as files do, and give the new place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}
        self._at = max(0, base[whence] + offset)
        return self._at

    def check(self) -> None:
        """Raise MissingBytes if a hole was met: what was made of the rest cannot be trusted."""
        if self._missing is not None:
            raise MissingBytes(self._missing)


BLOCK = 64 * 1024  # bytes: room for most headers, and no more time than a few bytes take


def to_fetch(missing: Piece, known: Sequence[Piece], size: int) -> Piece:
    """Say what to fetch of a file of `size` bytes for a header that asks for some of them.

    Whole blocks, none twice. Where a header reads on and on, what is known of it is doubled;
    where it jumps, as to a directory at the end, a block will do.
    """
    start = missing.start - missing.start % BLOCK
    reads_on = any(piece.end == start for piece in known)
    least = max(BLOCK, sum(piece.end - piece.start for piece in known)) if reads_on else BLOCK
    end = max(missing.end, start + least)
    end += -end % BLOCK
    return Piece(start, min([end, size, *(piece.start for piece in known if piece.start > start)]))
