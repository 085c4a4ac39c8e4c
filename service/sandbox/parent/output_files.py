"""The memory files that a child fills with its outputs.

The worker creates them, so that the child needs no right to create any: how much memory its
outputs take is bounded by how many files it is given, and by RLIMIT_FSIZE for each. Those that
a work leaves empty, for its outputs were small or none, are there for the next.
"""

import fcntl
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from service.sandbox import linux
from service.sandbox.protocol import ProtocolError, close_all, reopened


class OutputFiles:
    """Files in the order in which the child fills them."""

    def __init__(self) -> None:
        self._files: deque[int] = deque()

    def __len__(self) -> int:
        """Return the number of files that are not filled yet."""
        return len(self._files)

    @contextmanager
    def create(self, count: int) -> Iterator[tuple[int, ...]]:
        """Create `count` files, which the body gives to the child; none if it raises."""
        created: list[int] = []
        try:
            for _ in range(count):
                created.append(linux.memory_file("output", sealable=True))  # noqa: PERF401
            yield tuple(created)
        except BaseException:
            close_all(created)
            raise
        self._files.extend(created)

    def take(self, size: int) -> BinaryIO:
        """Seal the next file and open it to be read; ProtocolError if it has another size.

        Whoever takes it closes it. Nobody can change it any more, the child included.
        """
        if not self._files:
            raise ProtocolError("an output for which there is no file")
        file = self._files.popleft()
        try:
            _seal(file)
            found = os.fstat(file).st_size
            if found != size:
                raise ProtocolError(f"an output of {found} bytes, said to have {size}")
            return os.fdopen(reopened(file), "rb", buffering=0)  # it is read in large pieces
        finally:
            os.close(file)

    def close(self) -> None:
        """Close what was not filled; twice is once."""
        while self._files:
            os.close(self._files.popleft())


def _seal(file: int) -> None:
    try:
        fcntl.fcntl(file, linux.F_ADD_SEALS, linux.SEALED)
    except OSError as error:  # it is still mapped to be written, or sealed by the child
        raise ProtocolError(f"an output that cannot be sealed: {error.strerror}") from error
