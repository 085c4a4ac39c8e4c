"""A folder of a local or mounted file system as a storage."""

import asyncio
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from engine.errors import DarkroomError
from engine.schema import StoreOptions
from service.errors import (
    SourceNotFound,
    StorageDenied,
    StorageError,
    StorageMisconfigured,
    StorageUnavailable,
)
from service.storage.folder_marker import MARKER, check_marker, leave_marker
from service.storage.folder_paths import (
    ABSENT,
    UNFINISHED,
    Root,
    check_inside,
    names_of,
    open_below,
    open_folder,
    place_of,
    reading,
    storage_error,
    writing,
)
from service.storage.folder_publish import Publication, publish_group
from service.storage.group_threads import GroupThreads
from service.storage.protocol import (
    NOTHING,
    OnRequest,
    Part,
    Upload,
    allow,
    check_size,
    ignore,
    observe_all,
    observed,
    shown,
)

KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip

UNFINISHED_SECONDS = 3600


class Source(NamedTuple):
    """A file to be opened, and how many bytes it may have."""

    key: str
    limit: int


class FolderStorage:
    """Files below one root; symbolic links are followed as long as they stay inside.

    A root that must have a `marker` counts as unavailable without it.
    """

    def __init__(self, root: Path, on_request: OnRequest = ignore, marker: str = "") -> None:
        self._root = root
        self._marker = marker
        self._on_request = on_request
        self._swept: dict[tuple[int, int], float] = {}
        self._reads = GroupThreads("read", self._open_files, BinaryIO.close)
        self._writes = GroupThreads("publish", self._publish_group)

    async def fetch(self, key: str, *, limit: int) -> BinaryIO:
        """Open the file itself, without copying it."""
        with observed("fetch", self._on_request):
            return await self._reads.submit(Source(key, limit))

    async def read(self, key: str, *, start: int, count: int, limit: int) -> Part:
        """Read a part of the file; its inode, time and size identify its version."""
        with observed("read", self._on_request):
            return await asyncio.to_thread(self._read_part, Source(key, limit), start, count)

    async def publish(
        self, key: str, body: BinaryIO, *, content_type: str, store: StoreOptions = NOTHING
    ) -> None:
        """Write a temporary file, flush it to disk, rename it; nothing is kept beside the bytes."""
        upload = Upload(key=key, body=body, content_type=content_type)
        for error in await self.publish_all([upload]):
            if error is not None:
                raise error

    async def publish_all(
        self, uploads: Sequence[Upload], *, check: Callable[[], None] = allow
    ) -> list[DarkroomError | None]:
        """Do the same for many, with others that wait for that; a disk flushes them together."""
        began = time.perf_counter()
        errors = await self._writes.submit(Publication(uploads, check))
        observe_all("publish", errors, began, self._on_request)
        return errors

    async def check(self) -> None:
        """Check that the root exists and may be read and written."""
        with observed("check", self._on_request):
            await asyncio.to_thread(self._check_root)

    async def mark(self) -> str:
        """Leave a marker in the root, and give what is in it."""
        return await asyncio.to_thread(self._leave_marker)

    async def close(self) -> None:
        """Do nothing: no file is kept open, and idle threads end by themselves."""

    def _open_files(self, sources: Sequence[Source]) -> list[BinaryIO | Exception]:
        opened: list[BinaryIO | Exception] = []
        with self._open_root() as root:
            for source in sources:
                try:
                    opened.append(self._open_file(root, source))
                except Exception as error:  # of this source, and no other
                    opened.append(error)
        return opened

    def _open_file(self, root: Root, source: Source) -> BinaryIO:
        key = source.key
        *folders, name = names_of(key)
        with (
            reading(key),
            self._there_if_absent(root),
            open_below(root, folders) as folder,
            _found(name, folder) as found,
        ):
            check_inside(root, found)
            check_size(key, _size(key, found), source.limit)
            return open(f"/proc/self/fd/{found}", "rb", buffering=0)  # a child reads it, not we

    def _read_part(self, source: Source, start: int, count: int) -> Part:
        with (
            self._open_root() as root,
            self._open_file(root, source) as file,
            reading(source.key),
        ):
            facts = os.fstat(file.fileno())
            version = f"{facts.st_ino}-{facts.st_mtime_ns}-{facts.st_size}"
            return Part(os.pread(file.fileno(), count, start), facts.st_size, version)

    def _publish_group(
        self, publications: Sequence[Publication]
    ) -> list[list[DarkroomError | None] | Exception]:
        try:
            with self._open_root() as root:
                self._check_marker(root)
                return publish_group(publications, root, self._sweep)
        except StorageError as error:
            return [[error] * len(publication.uploads) for publication in publications]

    def _check_root(self) -> None:
        with self._open_root() as root:
            self._check_marker(root)
            mode = os.R_OK | os.W_OK | os.X_OK
            if not os.access(self._root, mode, effective_ids=True):
                raise StorageDenied("no permission to read and write the folder of the storage")

    @contextmanager
    def _open_root(self) -> Iterator[Root]:
        try:
            root = open_folder(self._root)
        except OSError as error:
            if error.errno in ABSENT:
                if self._marker:
                    raise StorageUnavailable("the folder of the storage is missing") from None
                raise StorageMisconfigured("the folder of the storage does not exist") from None
            raise storage_error(error, "the folder of the storage") from None
        try:
            yield Root(root, place_of(root))
        finally:
            os.close(root)

    def _leave_marker(self) -> str:
        with writing(MARKER), self._open_root() as root:
            return leave_marker(root.descriptor)

    def _check_marker(self, root: Root) -> None:
        if self._marker:
            check_marker(root.descriptor, self._marker)

    @contextmanager
    def _there_if_absent(self, root: Root) -> Iterator[None]:
        """Look whether the storage itself is there, before a file counts as absent."""
        try:
            yield
        except OSError as error:
            if error.errno in ABSENT:
                self._check_marker(root)
            raise

    def _sweep(self, folder: int) -> None:
        """Remove what killed writers left here; once an hour, since listing is expensive."""
        facts, now = os.fstat(folder), time.time()
        place = (facts.st_dev, facts.st_ino)
        if now - self._swept.get(place, 0) < UNFINISHED_SECONDS:
            return
        self._swept = {p: t for p, t in self._swept.items() if now - t < UNFINISHED_SECONDS}
        self._swept[place] = now
        with os.scandir(folder) as entries:
            old = [e.name for e in entries if UNFINISHED.fullmatch(e.name) and _is_old(e, now)]
        for name in old:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


@contextmanager
def _found(name: str, folder: int) -> Iterator[int]:
    """Get hold of what is there without opening it: opening a device or a pipe does something."""
    found = os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=folder)
    try:
        yield found
    finally:
        os.close(found)


def _size(key: str, found: int) -> int:
    facts = os.fstat(found)
    if not stat.S_ISREG(facts.st_mode):
        kind = KINDS.get(stat.S_IFMT(facts.st_mode), "something else")
        raise SourceNotFound(f"{shown(key)} is {kind}, not a file")
    return facts.st_size


def _is_old(entry: os.DirEntry[str], now: float) -> bool:
    with suppress(FileNotFoundError):
        return now - entry.stat(follow_symlinks=False).st_mtime > UNFINISHED_SECONDS
    return False
