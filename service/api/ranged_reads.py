"""Files in the customer's storage of which only what is asked for is fetched, piece by piece."""

import os
from types import TracebackType
from typing import BinaryIO, Self

from engine.schema import Key
from engine.sources import BLOCK, Piece, to_fetch
from service.errors import HeaderTooLong, RenderCrashed, StorageUnavailable
from service.settings import variable
from service.storage import Part, Storage, shown

LIMIT = variable("max_explain_bytes")


class Gatherer:
    """Fetches pieces of files, `most_bytes` of all of them together.

    Of a file of more than `max_size` bytes nothing is fetched.
    """

    def __init__(self, storage: Storage, *, max_size: int, most_bytes: int) -> None:
        self._storage = storage
        self._max_size = max_size
        self._most_bytes = most_bytes
        self._spent = 0

    async def begin(self, key: Key) -> "GatheredFile":
        """Fetch the beginning of a file; the caller closes it."""
        part = await self._read(key, Piece(0, self._affordable(key, Piece(0, 1), BLOCK)))
        return GatheredFile(key, part)

    async def fetch(self, file: "GatheredFile", missing: Piece) -> None:
        """Fetch what a header asks for, and what it will probably ask for next.

        Raises StorageUnavailable when the file was replaced in the meantime.
        """
        if not file.lacks(missing.start):
            raise RenderCrashed("the process that read the header asked for what it has")
        missing = Piece(missing.start, max(missing.start + 1, min(missing.end, file.size)))
        piece = to_fetch(missing, file.known, file.size)
        needed = Piece(piece.start, missing.end)
        end = piece.start + self._affordable(file.key, needed, piece.end - piece.start)
        file.add(piece.start, await self._read(file.key, Piece(piece.start, end)))

    def _affordable(self, key: Key, needed: Piece, wanted: int) -> int:
        """Give how many bytes may be fetched of those wanted; the needed ones at least."""
        left, least = self._most_bytes - self._spent, needed.end - needed.start
        if least > left:
            what = f"the header of {shown(key)} goes on too far"
            raise HeaderTooLong(what, LIMIT, self._most_bytes, self._spent + least, "bytes")
        return min(wanted, left)

    async def _read(self, key: Key, piece: Piece) -> Part:
        count = piece.end - piece.start
        self._spent += count
        return await self._storage.read(key, start=piece.start, count=count, limit=self._max_size)


class GatheredFile:
    """A file as long as the whole one, in memory; its holes take no room."""

    def __init__(self, key: Key, beginning: Part) -> None:
        self.key = key
        self.size = beginning.size
        self.known: tuple[Piece, ...] = ()
        self._version = beginning.version
        self.file: BinaryIO = os.fdopen(os.memfd_create("darkroom-header"), "w+b")
        self.file.truncate(self.size)
        self.add(0, beginning)

    def lacks(self, place: int) -> bool:
        """Tell whether a byte of the file is still missing."""
        known = any(piece.start <= place < piece.end for piece in self.known)
        return 0 <= place < self.size and not known

    def add(self, start: int, part: Part) -> None:
        """Put a part into its place."""
        if (part.version, part.size) != (self._version, self.size):
            raise StorageUnavailable(f"{shown(self.key)} was replaced while its header was read")
        os.pwrite(self.file.fileno(), part.data, start)
        self.known += (Piece(start, start + len(part.data)),)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.close()
