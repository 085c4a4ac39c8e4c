"""The interface of storages, and the functions that they share."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Protocol
from urllib.parse import unquote

from msgspec import Struct

from engine.errors import DarkroomError, SourceTooLarge
from engine.schema import StoreOptions
from service.errors import StorageDenied

NOTHING = StoreOptions()

OnRequest = Callable[[str, str, float], None]
"""Called after each request: operation (fetch, read, publish, check), ``ok`` or a code, seconds."""


def allow() -> None:
    """Check nothing."""


class Part(Struct, frozen=True):
    """Some bytes of an object, and the size of the whole object.

    `version` changes when the object does.
    """

    data: bytes
    size: int
    version: str


class Upload(Struct, frozen=True, kw_only=True):
    """What is to be stored under a key."""

    key: str
    body: BinaryIO
    content_type: str
    store: StoreOptions = NOTHING
    """What is to be kept with it, where the storage keeps anything."""


class Reader(Protocol):
    """Where sources are read; its errors are those of a Storage."""

    async def fetch(self, key: str, *, limit: int) -> BinaryIO:
        """Open the object for reading, at its start, with a file descriptor.

        `limit` is in bytes; `SourceTooLarge` for a longer object, before it is read to its
        end. The caller closes the file.
        """
        ...

    async def read(self, key: str, *, start: int, count: int, limit: int) -> Part:
        """Read `count` bytes, or as many as there are, from `start` on.

        `start` is 0 or inside the object. `SourceTooLarge` if the whole object has more than
        `limit` bytes.
        """
        ...


class Storage(Reader, Protocol):
    """Where the sources of a service are read and its results are written.

    Keys are relative to the prefix of the service and cannot leave it: `StorageDenied` for
    one that tries. A leading ``/`` is optional. Further errors are `SourceNotFound`,
    `StorageMisconfigured` if the bucket or folder does not exist, and `StorageUnavailable`,
    which is transient.
    """

    async def publish(
        self, key: str, body: BinaryIO, *, content_type: str, store: StoreOptions = NOTHING
    ) -> None:
        """Store `body` under the key, atomically: a reader sees the old or the new object.

        `body` is seekable, is read from its start and stays open.
        """
        ...

    async def publish_all(
        self, uploads: Sequence[Upload], *, check: Callable[[], None] = allow
    ) -> list[DarkroomError | None]:
        """Store objects together; returns the error of each, or None where all went well.

        `check` is called, in any thread, as late as can be before objects become visible;
        what it raises is raised, and nothing becomes visible any more.
        """
        ...

    async def check(self) -> None:
        """Raise the error that a fetch or a publish of any key would raise."""
        ...

    async def mark(self) -> str:
        """Mark the place, and give the marker to be recorded with its URL; "" if it needs none.

        Opened with its marker, a storage that is unavailable is distinguished from an empty one.
        """
        ...

    async def close(self) -> None:
        """Close all connections; may be called again."""
        ...


def ignore(op: str, status: str, seconds: float) -> None:
    """Observe nothing: the default `OnRequest`."""


@contextmanager
def observed(op: str, on_request: OnRequest) -> Iterator[None]:
    """Report to `on_request` how the body ended and how long it took."""
    began = time.perf_counter()
    status = "ok"
    try:
        yield
    except BaseException as error:
        status = error.code if isinstance(error, DarkroomError) else "interrupted"
        raise
    finally:
        on_request(op, status, time.perf_counter() - began)


def observe_all(
    op: str, errors: Sequence[DarkroomError | None], began: float, on_request: OnRequest
) -> None:
    """Tell `on_request` how each of several requests ended that were made together."""
    took = time.perf_counter() - began
    for error in errors:
        on_request(op, error.code if error else "ok", took)


def confined(key: str) -> str:
    """Return the key without its leading slash; `StorageDenied` if it leaves the prefix.

    The API has rejected such keys before; this is the second line of defence.
    """
    relative = key.removeprefix("/")
    try:
        relative.encode()
    except UnicodeEncodeError:
        raise StorageDenied(f"{shown(key)} is not valid Unicode") from None
    for form in (relative, unquote(relative)):  # a proxy on the way may decode it
        segments = form.split("/")
        if "\0" in form or "\\" in form or {"", ".", ".."} & set(segments):
            raise StorageDenied(f"{shown(key)} is not a path inside the storage")
    return relative


def check_size(key: str, size: int, limit: int) -> None:
    """Raise `SourceTooLarge` for a source of more than `limit` bytes."""
    if size > limit:
        raise SourceTooLarge(shown(key), "DARKROOM_MAX_SOURCE_BYTES", limit, size, "bytes")


def shown(key: str) -> str:
    """Return a key as error messages show it: quoted, and not longer than a line."""
    return repr(key if len(key) <= 100 else key[:99] + "…")
