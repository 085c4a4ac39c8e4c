"""Paths below a folder's root: opened one component at a time, with errors of the storage."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from service.errors import SourceNotFound, StorageDenied, StorageError, StorageUnavailable
from service.storage.folder_marker import MARKER
from service.storage.protocol import confined, shown

ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
BLOCKED_PATH = ABSENT | {errno.EISDIR}

# The temporary name of a file that is being written, or was when its writer was killed.
UNFINISHED = re.compile(r"\.darkroom-[0-9a-f]{16}\.part")


class Root(NamedTuple):
    """The open root of a storage, and where the kernel says that it is."""

    descriptor: int
    path: str


def names_of(key: str) -> list[str]:
    """Return the folders of a key and its name; `StorageDenied` for what may not be used."""
    names = confined(key).split("/")
    if UNFINISHED.fullmatch(names[-1]) or MARKER in names:
        raise StorageDenied(f"{shown(key)} is a name that the storage reserves for itself")
    return names


def open_folder(path: Path | str, folder: int | None = None) -> int:
    """Open a folder, below another one or by its path."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)


@contextmanager
def open_below(root: Root, names: list[str], *, make: bool = False) -> Iterator[int]:
    """Open one folder at a time, so that none is used before it is checked."""
    with ExitStack() as opened:
        folder = root.descriptor
        for name in names:
            folder = _open_or_make(name, folder) if make else open_folder(name, folder)
            opened.callback(os.close, folder)
            check_inside(root, folder)
        yield folder


def _open_or_make(name: str, folder: int) -> int:
    with suppress(FileNotFoundError):
        return open_folder(name, folder)
    with suppress(FileExistsError):  # another has made it meanwhile, or it is a dead link
        os.mkdir(name, dir_fd=folder)
        os.fsync(folder)
    return open_folder(name, folder)


def place_of(descriptor: int) -> str:
    """Ask the kernel where an open file or folder is."""
    return os.readlink(f"/proc/self/fd/{descriptor}")


def check_inside(root: Root, opened: int) -> None:
    """Ask the kernel what was actually opened, which leaves no gap between check and use."""
    if not place_of(opened).startswith(root.path.rstrip("/") + "/"):
        raise StorageDenied("a symbolic link leads out of the folder of the storage")


@contextmanager
def reading(key: str) -> Iterator[None]:
    """Raise errors of the file system as those of a storage that is read."""
    try:
        yield
    except OSError as error:
        if error.errno in ABSENT:
            raise SourceNotFound(f"there is no object {shown(key)}") from None
        raise storage_error(error, shown(key)) from None


@contextmanager
def writing(key: str) -> Iterator[None]:
    """Raise errors of the file system as those of a storage that is written."""
    try:
        yield
    except OSError as error:
        raise writing_error(error, key) from None


def writing_error(error: OSError, key: str) -> StorageError:
    """Return the storage's error for one of the file system that met who wrote under a key."""
    if error.errno in BLOCKED_PATH:
        return StorageDenied(f"{shown(key)} cannot be written: {error.strerror}")
    return storage_error(error, shown(key))


def storage_error(error: OSError, what: str) -> StorageError:
    """Return the storage's error for one of the file system."""
    kind = StorageDenied if error.errno in FORBIDDEN else StorageUnavailable
    return kind(f"{what}: {error.strerror or 'the file system failed'}")
