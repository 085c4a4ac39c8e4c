"""What a storage does, and the few things that every storage shares."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol
from urllib.parse import unquote

from msgspec import Struct

from engine.errors import DarkroomError, SourceTooLarge
from service.errors import StorageDenied

OnRequest = Callable[[str, str, float], None]
"""Told of each request: what (fetch, read, publish, check), ``ok`` or an error's code, seconds."""


class Part(Struct, frozen=True):
    """Some bytes of an object, and how long it is as a whole.

    Parts with the same `version` are of the same object; it changes when the object does.
    """

    data: bytes
    size: int
    version: str


class Storage(Protocol):
    """Where a service's sources are and where its results go.

    Keys are relative to the service's own prefix and cannot leave it: one that
    tries is a `StorageDenied`. A leading ``/`` means the prefix itself.
    Further errors are `SourceNotFound`, `StorageMisconfigured` when the bucket
    or the folder is not there, and `StorageUnavailable`, which may be retried.
    """

    async def fetch(self, key: str, *, limit: int) -> BinaryIO:
        """Open the object for reading, at its start, with a real descriptor.

        `limit` is in bytes; a longer object is a `SourceTooLarge` before it is
        read to its end. The caller closes the file.
        """
        ...

    async def read(self, key: str, *, start: int, count: int, limit: int) -> Part:
        """Read `count` bytes, or as many as there are, from `start` on.

        `start` is 0 or inside the object. A whole object of more than `limit` bytes is a
        `SourceTooLarge`.
        """
        ...

    async def publish(self, key: str, body: BinaryIO, *, content_type: str) -> None:
        """Store all of `body` under the key; a reader sees the old or the new object, whole.

        `body` can seek, is read from its start and stays open.
        """
        ...

    async def check(self) -> None:
        """Raise the error that a fetch or a publish would meet, whatever the key."""
        ...

    async def close(self) -> None:
        """Give back connections; a second time does nothing."""
        ...


def ignore(op: str, status: str, seconds: float) -> None:
    """Observe nothing: the default `OnRequest`."""


@contextmanager
def observed(op: str, on_request: OnRequest) -> Iterator[None]:
    """Tell `on_request` how the body ended and how long it took."""
    began = time.perf_counter()
    status = "ok"
    try:
        yield
    except BaseException as error:
        status = error.code if isinstance(error, DarkroomError) else "interrupted"
        raise
    finally:
        on_request(op, status, time.perf_counter() - began)


def confined(key: str) -> str:
    """The key without its leading slash, if it stays inside; `StorageDenied` if not.

    The API has refused such keys before. This is the second lock on the door.
    """
    relative = key.removeprefix("/")
    try:
        relative.encode()
    except UnicodeEncodeError:
        raise StorageDenied(f"{shown(key)} is not valid Unicode") from None
    for reading in (relative, unquote(relative)):  # somebody on the way may decode it
        segments = reading.split("/")
        if "\0" in reading or "\\" in reading or {"", ".", ".."} & set(segments):
            raise StorageDenied(f"{shown(key)} is not a path inside the storage")
    return relative


def check_size(key: str, size: int, limit: int) -> None:
    """Raise `SourceTooLarge` for a source of more than `limit` bytes."""
    if size > limit:
        raise SourceTooLarge(shown(key), "DARKROOM_MAX_SOURCE_BYTES", limit, size, "bytes")


def shown(key: str) -> str:
    """A key as an error message shows it: quoted, and not longer than a line."""
    return repr(key if len(key) <= 100 else key[:99] + "…")
