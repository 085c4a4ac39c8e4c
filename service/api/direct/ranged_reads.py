"""Reads ranges of files, so that a header can be read without the rest."""

import os
from typing import BinaryIO, Self

from engine.schema import Key
from engine.sources import BLOCK, Piece, to_fetch
from service.errors import HeaderTooLong, RenderCrashed, StorageUnavailable
from service.settings import variable
from service.storage import Part, Reader, shown

LIMIT = variable("max_explain_bytes")


class RangeReader:
    """Fetches ranges of files, at most `max_bytes` of all of them together.

    A file of more than `max_size` bytes is an error.
    """

    def __init__(self, files: Reader, *, max_size: int, max_bytes: int) -> None:
        self._files = files
        self._max_size = max_size
        self._max_bytes = max_bytes
        self._spent = 0

    async def begin(self, key: Key) -> "PartialFile":
        """Fetch the beginning of a file; the caller closes it."""
        part = await self._read(key, Piece(0, self._affordable(key, Piece(0, 1), BLOCK)))
        return PartialFile(key, part)

    async def fetch(self, file: "PartialFile", missing: Piece) -> None:
        """Fetch the bytes that a header needs, and those that it will probably need next.

        Raises StorageUnavailable if the file was replaced in the meantime.
        """
        if not file.lacks(missing.start):
            raise RenderCrashed("the child that read the header asked for bytes that it has")
        missing = Piece(missing.start, max(missing.start + 1, min(missing.end, file.size)))
        piece = to_fetch(missing, file.known, file.size)
        needed = Piece(piece.start, missing.end)
        end = piece.start + self._affordable(file.key, needed, piece.end - piece.start)
        file.add(piece.start, await self._read(file.key, Piece(piece.start, end)))

    def _affordable(self, key: Key, needed: Piece, wanted: int) -> int:
        """Return how many of the wanted bytes may be fetched, at least the needed ones."""
        left, least = self._max_bytes - self._spent, needed.end - needed.start
        if least > left:
            what = f"the header of {shown(key)} is too long"
            raise HeaderTooLong(what, LIMIT, self._max_bytes, self._spent + least, "bytes")
        return min(wanted, left)

    async def _read(self, key: Key, piece: Piece) -> Part:
        count = piece.end - piece.start
        self._spent += count
        return await self._files.read(key, start=piece.start, count=count, limit=self._max_size)


class PartialFile:
    """A sparse file in memory, as long as the whole file, with the ranges that were fetched."""

    def __init__(self, key: Key, beginning: Part) -> None:
        self.key = key
        self.size = beginning.size
        self.known: tuple[Piece, ...] = ()
        self._version = beginning.version
        self.file: BinaryIO = os.fdopen(os.memfd_create("darkroom-header"), "w+b")
        self.file.truncate(self.size)
        self.add(0, beginning)

    def lacks(self, place: int) -> bool:
        """Whether a byte of the file is still missing."""
        known = any(piece.start <= place < piece.end for piece in self.known)
        return 0 <= place < self.size and not known

    def add(self, start: int, part: Part) -> None:
        """Write a part to its place."""
        if (part.version, part.size) != (self._version, self.size):
            raise StorageUnavailable(f"{shown(self.key)} was replaced while its header was read")
        os.pwrite(self.file.fileno(), part.data, start)
        self.known += (Piece(start, start + len(part.data)),)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
