"""Publishes files together: written, flushed and renamed, each all or nothing."""

import os
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import Self

from engine.errors import DarkroomError
from service.errors import StorageError
from service.storage.folder_paths import names_of, open_below, writing
from service.storage.protocol import Upload

COPY_BYTES = 1024 * 1024
FLUSHERS = ThreadPoolExecutor(8, "flush")  # files that are flushed at once share a disk's commit


def replace_files(
    uploads: Sequence[Upload], root: int, sweep: Callable[[int], None], check: Callable[[], None]
) -> list[DarkroomError | None]:
    """Store all uploads below an open root; returns the error of each, or None.

    `sweep` is called with every folder that is written to, `check` before the first rename;
    what it raises is raised.
    """
    with ExitStack() as opened:
        folders = opened.enter_context(_Folders(root, sweep))
        files = [opened.enter_context(_Replacement(upload, folders)) for upload in uploads]
        _for_each(files, _Replacement.write)
        _side_by_side(files, _Replacement.flush)
        check()
        _for_each(files, _Replacement.rename)
        _flush_folders([file for file in files if file.error is None])
        return [file.error for file in files]


class _Folders:
    """The folders that are written to, each made, checked and opened once; a context."""

    def __init__(self, root: int, sweep: Callable[[int], None]) -> None:
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
    """A file on its way to its final name; leaving the context removes what did not get there.

    `error` is what went wrong, after which nothing more is done.
    """

    def __init__(self, upload: Upload, folders: _Folders) -> None:
        self.error: StorageError | None = None
        self.folder = -1
        self._upload = upload
        self._folders = folders
        self._unfinished = f".darkroom-{secrets.token_hex(8)}.part"
        self._name = ""
        self._renamed = False
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def attempt(self, step: Callable[["_Replacement"], None]) -> None:
        """Go a step on, unless something went wrong before; note what goes wrong now."""
        if self.error is None:
            try:
                with writing(self._upload.key):
                    step(self)
            except StorageError as error:
                self.error = error

    def write(self) -> None:
        """Write everything under a temporary name."""
        *folders, self._name = names_of(self._upload.key)
        self.folder = self._folders.open(*folders)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self._unfinished, flags, 0o666, dir_fd=self.folder)
        self._opened.callback(self._remove)
        self._opened.callback(os.close, self._file)
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

    def _remove(self) -> None:
        if not self._renamed:
            with suppress(OSError):
                os.unlink(self._unfinished, dir_fd=self.folder)


def _for_each(files: Sequence[_Replacement], step: Callable[[_Replacement], None]) -> None:
    """Take a step with all files, one after the other."""
    for file in files:
        file.attempt(step)


def _side_by_side(files: Sequence[_Replacement], step: Callable[[_Replacement], None]) -> None:
    """Take a step with all files at once: the first in this thread, each other in another."""
    others = FLUSHERS.map(partial(_Replacement.attempt, step=step), files[1:])
    _for_each(files[:1], step)
    deque(others, maxlen=0)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _flush_folders(files: Sequence[_Replacement]) -> None:
    """Have the disk keep all names, each folder's at once."""
    folders: dict[tuple[int, int], list[_Replacement]] = {}
    for file in files:
        facts = os.fstat(file.folder)
        folders.setdefault((facts.st_dev, facts.st_ino), []).append(file)
    _side_by_side([first for first, *_ in folders.values()], _Replacement.flush_folder)
    for first, *others in folders.values():
        for other in others:
            other.error = first.error
