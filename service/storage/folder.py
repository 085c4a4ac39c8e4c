"""A folder of the local file system or of a mounted one."""

import asyncio
import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from service.errors import (
    SourceNotFound,
    StorageDenied,
    StorageError,
    StorageMisconfigured,
    StorageUnavailable,
)
from service.storage.folder_marker import MARKER, check_marker, leave_marker
from service.storage.protocol import (
    OnRequest,
    Part,
    check_size,
    confined,
    ignore,
    observed,
    shown,
)

ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
BLOCKED_PATH = ABSENT | {errno.EISDIR}

KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip

# The temporary name of a file that is being written, or was when its writer was killed.
UNFINISHED = re.compile(r"\.darkroom-[0-9a-f]{16}\.part")
UNFINISHED_SECONDS = 3600
COPY_BYTES = 1024 * 1024


class FolderStorage:
    """Files below one root; symbolic links are followed as long as they stay inside.

    A root that must have a `marker` counts as unavailable without it.
    """

    def __init__(self, root: Path, on_request: OnRequest = ignore, marker: str = "") -> None:
        self._root = root
        self._marker = marker
        self._on_request = on_request
        self._swept: dict[tuple[int, int], float] = {}

    async def fetch(self, key: str, *, limit: int) -> BinaryIO:
        """Open the file itself, without copying it."""
        with observed("fetch", self._on_request):
            return await asyncio.to_thread(self._open_file, key, limit)

    async def read(self, key: str, *, start: int, count: int, limit: int) -> Part:
        """Read a part of the file; its inode, time and size identify its version."""
        with observed("read", self._on_request):
            return await asyncio.to_thread(self._read_part, key, start, count, limit)

    async def publish(self, key: str, body: BinaryIO, *, content_type: str) -> None:
        """Write a temporary file, flush it to disk, rename it; a file system has no types."""
        with observed("publish", self._on_request):
            await asyncio.to_thread(self._replace_file, key, body)

    async def check(self) -> None:
        """Check that the root exists and may be read and written."""
        with observed("check", self._on_request):
            await asyncio.to_thread(self._check_root)

    async def mark(self) -> str:
        """Leave a marker in the root, and give what is in it."""
        return await asyncio.to_thread(self._leave_marker)

    async def close(self) -> None:
        """Do nothing: no file is kept open."""

    def _open_file(self, key: str, limit: int) -> BinaryIO:
        *folders, name = _names(key)
        with (
            _reading(key),
            self._open_root() as root,
            self._there_if_absent(root),
            _open_below(root, folders) as folder,
            _found(name, folder) as found,
        ):
            _check_inside(root, found)
            check_size(key, _size(key, found), limit)
            return open(f"/proc/self/fd/{found}", "rb")

    def _read_part(self, key: str, start: int, count: int, limit: int) -> Part:
        with self._open_file(key, limit) as file, _reading(key):
            facts = os.fstat(file.fileno())
            version = f"{facts.st_ino}-{facts.st_mtime_ns}-{facts.st_size}"
            return Part(os.pread(file.fileno(), count, start), facts.st_size, version)

    def _replace_file(self, key: str, body: BinaryIO) -> None:
        *folders, name = _names(key)
        with ExitStack() as opened:
            opened.enter_context(_writing(key))
            root = opened.enter_context(self._open_root())
            self._check_marker(root)
            folder = opened.enter_context(_open_below(root, folders, make=True))
            self._sweep(folder)
            unfinished = f".darkroom-{secrets.token_hex(8)}.part"
            try:
                _write_durably(unfinished, folder, body)
                os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(unfinished, dir_fd=folder)
                raise
            os.fsync(folder)

    def _check_root(self) -> None:
        with self._open_root() as root:
            self._check_marker(root)
            mode = os.R_OK | os.W_OK | os.X_OK
            if not os.access(self._root, mode, effective_ids=True):
                raise StorageDenied("no permission to read and write the folder of the storage")

    @contextmanager
    def _open_root(self) -> Iterator[int]:
        try:
            root = _open_folder(self._root)
        except OSError as error:
            if error.errno in ABSENT:
                if self._marker:
                    raise StorageUnavailable("the folder of the storage is missing") from None
                raise StorageMisconfigured("the folder of the storage does not exist") from None
            raise _storage_error(error, "the folder of the storage") from None
        try:
            yield root
        finally:
            os.close(root)

    def _leave_marker(self) -> str:
        with _writing(MARKER), self._open_root() as root:
            return leave_marker(root)

    def _check_marker(self, root: int) -> None:
        if self._marker:
            check_marker(root, self._marker)

    @contextmanager
    def _there_if_absent(self, root: int) -> Iterator[None]:
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


def _names(key: str) -> list[str]:
    names = confined(key).split("/")
    if UNFINISHED.fullmatch(names[-1]) or MARKER in names:
        raise StorageDenied(f"{shown(key)} is a name that the storage reserves for itself")
    return names


def _open_folder(path: Path | str, folder: int | None = None) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)


@contextmanager
def _open_below(root: int, names: list[str], *, make: bool = False) -> Iterator[int]:
    """Open one folder at a time, so that none is used before it is checked."""
    with ExitStack() as opened:
        folder = root
        for name in names:
            if make:
                _make_folder(name, folder)
            folder = _open_folder(name, folder)
            opened.callback(os.close, folder)
            _check_inside(root, folder)
        yield folder


def _make_folder(name: str, folder: int) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return
    os.fsync(folder)


def _check_inside(root: int, opened: int) -> None:
    """Ask the kernel what was actually opened, which leaves no gap between check and use."""
    top, path = (os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in (root, opened))
    if not path.startswith(top.rstrip("/") + "/"):
        raise StorageDenied("a symbolic link leads out of the folder of the storage")


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


def _write_durably(name: str, folder: int, body: BinaryIO) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o666, dir_fd=folder), "wb") as file:
        body.seek(0)
        shutil.copyfileobj(body, file, COPY_BYTES)
        file.flush()
        os.fsync(file)


def _is_old(entry: os.DirEntry[str], now: float) -> bool:
    with suppress(FileNotFoundError):
        return now - entry.stat(follow_symlinks=False).st_mtime > UNFINISHED_SECONDS
    return False


@contextmanager
def _reading(key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in ABSENT:
            raise SourceNotFound(f"there is no object {shown(key)}") from None
        raise _storage_error(error, shown(key)) from None


@contextmanager
def _writing(key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in BLOCKED_PATH:
            raise StorageDenied(f"{shown(key)} cannot be written: {error.strerror}") from None
        raise _storage_error(error, shown(key)) from None


def _storage_error(error: OSError, what: str) -> StorageError:
    kind = StorageDenied if error.errno in FORBIDDEN else StorageUnavailable
    return kind(f"{what}: {error.strerror or 'the file system failed'}")
