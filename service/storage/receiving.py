"""Receives a file of limited size, and seals it so that a child can safely map it."""

import fcntl
import os
from collections.abc import AsyncIterator
from typing import BinaryIO

from service.storage.protocol import check_size


async def receive(chunks: AsyncIterator[bytes], key: str, limit: int) -> BinaryIO:
    """Read to the end, at most `limit` bytes, into a file in memory that nobody can change."""
    file = os.fdopen(os.memfd_create("darkroom-source", os.MFD_ALLOW_SEALING), "w+b")
    try:
        async for chunk in chunks:
            file.write(chunk)
            check_size(key, file.tell(), limit)
        file.seek(0)
        _seal(file)
    except BaseException:
        file.close()
        raise
    return file


def _seal(file: BinaryIO) -> None:
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
