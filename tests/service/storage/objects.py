"""Objects of a storage for tests: written, and read back."""

import io

from service.storage import Storage

LIMIT = 64 * 1024 * 1024


async def put(storage: Storage, key: str, content: bytes = b"written") -> None:
    await storage.publish(key, io.BytesIO(content), content_type="image/jpeg")


async def get(storage: Storage, key: str) -> bytes:
    with await storage.fetch(key, limit=LIMIT) as file:
        return file.read()
