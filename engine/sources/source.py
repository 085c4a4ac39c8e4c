"""The bytes of an image, which can be read any number of times."""

import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, overload

Buffer = bytes | bytearray | memoryview | mmap.mmap
Mending = Callable[[Buffer], Buffer]


class Content(Protocol):
    """Bytes by index and by slice, wherever they are."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, place: int, /) -> int: ...
    @overload
    def __getitem__(self, place: slice, /) -> bytes | bytearray | memoryview: ...


class Source:
    """The bytes of one image, from memory, a file or an open descriptor.

    A file is mapped rather than read, so a child process can be handed the descriptor of
    a shared memory file. Every pass over the image reads the same bytes from the start.
    The bytes must not change while the source is in use.
    """

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self._mended: dict[Mending, Buffer] = {}

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> "Source":
        """Use bytes that are in memory already."""
        return cls(data)

    @classmethod
    def from_path(cls, path: str | Path) -> "Source":
        """Map a file; OSError if it cannot be opened."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return cls.from_fd(fd)
        finally:
            os.close(fd)

    @classmethod
    def from_fd(cls, fd: int) -> "Source":
        """Map an open file from its start, wherever its offset is; `fd` stays the caller's."""
        if os.fstat(fd).st_size == 0:
            return cls(b"")
        return cls(mmap.mmap(fd, 0, access=mmap.ACCESS_READ))

    def through(self, mend: Mending) -> Buffer:
        """Return the bytes as `mend` makes them once; they stay, for decoders read them later."""
        if mend not in self._mended:
            self._mended[mend] = mend(self.data)
        return self._mended[mend]

    @property
    def content(self) -> Content:
        """The bytes, for those who look at single ones."""
        return self.data

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self.data.nbytes if isinstance(self.data, memoryview) else len(self.data)

    def head(self, count: int) -> bytes:
        """Return the first bytes."""
        return bytes(self.data[:count])

    def part(self, start: int, end: int) -> memoryview:
        """Return some bytes as they lie, without a copy."""
        return memoryview(self.data)[start:end]
