"""Publishes files together: written, flushed and renamed, each all or nothing."""

import os
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import chain, count
from threading import Semaphore
from typing import NamedTuple, Self

from engine.errors import DarkroomError
from service.errors import StorageError
from service.storage.folder_paths import Root, names_of, open_below, writing_error
from service.storage.protocol import Upload

COPY_BYTES = 1024 * 1024
HELPERS = 8
FLUSHERS = ThreadPoolExecutor(HELPERS, "flush")  # files flushed at once share a disk's commit
FREE_HELPERS = Semaphore(HELPERS)


class Publication(NamedTuple):
    """Uploads that are published together; `check` is called before the first rename of theirs."""

    uploads: Sequence[Upload]
    check: Callable[[], None]


def publish_group(
    publications: Sequence[Publication], root: Root, sweep: Callable[[int], None]
) -> list[list[DarkroomError | None] | Exception]:
    """Store all uploads below an open root, and tell of each publication how it went.

    That is the error of each upload, or None; or what its check raised. `sweep` is called with
    every folder that is written to.
    """
    token = secrets.token_hex(6)
    with ExitStack() as opened:
        folders = opened.enter_context(_Folders(root, sweep))
        numbers = count()
        replacements = [
            [_Replacement(each, folders, f"{token}{next(numbers):04x}") for each in uploads]
            for uploads, _ in publications
        ]
        files = [*chain.from_iterable(replacements)]
        for file in files:
            opened.callback(file.close)
        _for_each(files, _Replacement.write)
        _side_by_side(files, _Replacement.flush)
        for publication, its_files in zip(publications, replacements, strict=True):
            _rename_all(its_files, publication.check)
        _flush_folders([file for file in files if file.error is None])
        return [_outcome_of(its_files) for its_files in replacements]


def _rename_all(files: Sequence["_Replacement"], check: Callable[[], None]) -> None:
    """Give a publication's files their names, unless the check forbids it."""
    try:
        check()
    except Exception as error:  # of this publication, and no other of the group
        for file in files:
            file.error = error
    _for_each(files, _Replacement.rename)


def _outcome_of(files: Sequence["_Replacement"]) -> list[DarkroomError | None] | Exception:
    """Give the error of each file, or the first that is not the storage's."""
    found: list[DarkroomError | None] = []
    for file in files:
        if file.error is None or isinstance(file.error, StorageError):
            found.append(file.error)
        else:
            return file.error
    return found


class _Folders:
    """The folders that are written to, each made, checked and opened once; a context."""

    def __init__(self, root: Root, sweep: Callable[[int], None]) -> None:
        self._root = root
        self._sweep = sweep
        self._known: dict[tuple[str, ...], int] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def open(self, *names: str) -> int:
        """Give a folder below the root; it stays open as long as this context."""
        if names not in self._known:
            folder = self._opened.enter_context(open_below(self._root, [*names], make=True))
            self._sweep(folder)
            self._known[names] = folder
        return self._known[names]


class _Replacement:
    """A file on its way to its final name; to close it removes what did not get there.

    `error` is what went wrong, after which nothing more is done.
    """

    def __init__(self, upload: Upload, folders: _Folders, token: str) -> None:
        self.error: Exception | None = None
        self.folder = -1
        self._upload = upload
        self._folders = folders
        self._unfinished = f".darkroom-{token}.part"
        self._name = ""
        self._file = -1
        self._renamed = False

    def attempt(self, step: Callable[["_Replacement"], None]) -> None:
        """Go a step on, unless something went wrong before; note what goes wrong now."""
        if self.error is None:
            try:
                step(self)
            except OSError as error:
                self.error = writing_error(error, self._upload.key)
            except Exception as error:  # of this file, and no other of the group
                self.error = error

    def write(self) -> None:
        """Write everything under a temporary name."""
        *folders, self._name = names_of(self._upload.key)
        self.folder = self._folders.open(*folders)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self._unfinished, flags, 0o666, dir_fd=self.folder)
        self._upload.body.seek(0)
        while data := self._upload.body.read(COPY_BYTES):
            _write_all(self._file, data)

    def flush(self) -> None:
        """Have the disk keep what was written."""
        os.fsync(self._file)

    def rename(self) -> None:
        """Give it its final name."""
        os.rename(self._unfinished, self._name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        self._renamed = True

    def flush_folder(self) -> None:
        """Have the disk keep the name."""
        os.fsync(self.folder)

    def close(self) -> None:
        """Close it, and remove it if it has not got its name."""
        if self._file < 0:
            return
        os.close(self._file)
        if not self._renamed:
            with suppress(OSError):
                os.unlink(self._unfinished, dir_fd=self.folder)


def _for_each(files: Sequence[_Replacement], step: Callable[[_Replacement], None]) -> None:
    """Take a step with all files, one after the other."""
    for file in files:
        file.attempt(step)


def _side_by_side(files: Sequence[_Replacement], step: Callable[[_Replacement], None]) -> None:
    """Take a step with all files at once, in this thread and in helpers as far as any are free.

    None may be, where the disk of another storage hangs: that makes this slower, and no more.
    """
    left = deque(files)
    helpers: list[Future[None]] = []
    with suppress(RuntimeError):  # the system allows no more threads
        while len(helpers) < len(files) - 1 and FREE_HELPERS.acquire(blocking=False):
            helpers.append(FLUSHERS.submit(_help, left, step))
    _take_all(left, step)
    for helper in helpers:
        helper.result()


def _help(left: deque[_Replacement], step: Callable[[_Replacement], None]) -> None:
    try:
        _take_all(left, step)
    finally:
        FREE_HELPERS.release()


def _take_all(left: deque[_Replacement], step: Callable[[_Replacement], None]) -> None:
    """Take a step with each file that no other thread has taken it with."""
    with suppress(IndexError):  # none is left
        while True:
            left.popleft().attempt(step)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _flush_folders(files: Sequence[_Replacement]) -> None:
    """Have the disk keep all names, each folder's at once."""
    folders: dict[int, list[_Replacement]] = {}
    for file in files:
        folders.setdefault(file.folder, []).append(file)
    _side_by_side([first for first, *_ in folders.values()], _Replacement.flush_folder)
    for first, *others in folders.values():
        for other in others:
            other.error = first.error
