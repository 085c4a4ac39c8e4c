"""The marker in a folder's root, without which it is not taken for the storage.

A missing mount leaves an empty folder, and a folder that is renamed leaves none; neither
means that the files in it are gone.
"""

import errno
import os
import re
import secrets

from service.errors import StorageMisconfigured, StorageUnavailable

MARKER = ".darkroom"
CONTENT = re.compile(r"[0-9a-f]{32}\n?")
LONGEST = 100  # bytes that are read of it


def leave_marker(root: int) -> str:
    """Mark an open folder, unless somebody has; returns what is in the marker."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        file = os.open(MARKER, flags, 0o644, dir_fd=root)
    except FileExistsError:
        found = read_marker(root)
        if not found:
            raise StorageMisconfigured(f"{MARKER} is not ours, or was not finished") from None
        return found
    made = secrets.token_hex(16)
    with os.fdopen(file, "w") as marker:
        marker.write(f"{made}\n")
        marker.flush()
        os.fsync(file)
    os.fsync(root)
    return made


def check_marker(root: int, expected: str) -> None:
    """Raise StorageUnavailable if an open folder is not the one that was marked."""
    if read_marker(root) != expected:
        raise StorageUnavailable("the folder of the storage is missing: another one is there")


def read_marker(root: int) -> str:
    """Return what is in the marker of an open folder, or nothing."""
    try:
        file = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP}:
            return ""
        raise
    try:
        content = os.read(file, LONGEST).decode(errors="replace")
    finally:
        os.close(file)
    return content.strip() if CONTENT.fullmatch(content) else ""
