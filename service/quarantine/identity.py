"""The identity of a file's version: the SHA-256 of its bytes, which every storage can give.

ETags differ between storages and uploads of the same bytes, and a folder has none. It costs
some 1 ms for each megabyte, and is computed only where it is needed.
"""

import asyncio
import hashlib
from typing import BinaryIO


async def sha256_of(file: BinaryIO) -> str:
    """Return the SHA-256 of an open file in hexadecimal; its position does not move."""
    return await asyncio.to_thread(_hash, file)


def _hash(file: BinaryIO) -> str:
    with open(f"/proc/self/fd/{file.fileno()}", "rb") as again:
        return hashlib.file_digest(again, "sha256").hexdigest()
