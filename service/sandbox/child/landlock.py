"""Landlock: the kernel allows this process to read a few folders and denies all other file access.

It also stops TCP connections (ABI 4), abstract Unix sockets and signals to others (ABI 6),
and always the inspection of other processes, such as their environment in `/proc`.
See https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import os
import stat
from collections.abc import Iterable

from service.sandbox import linux

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
GET_VERSION = 1
RULE_PATH_BENEATH = 1

READ_FILE, READ_DIR = 1 << 2, 1 << 3
ALL_OF_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
ALL_OF_TCP = 0b11  # bind, connect
ALL_SCOPES = 0b11  # abstract Unix sockets, signals


class RulesetAttributes(ctypes.Structure):
    """What a ruleset governs; older kernels know only the first fields."""

    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class PathBeneath(ctypes.Structure):
    """What is allowed below an open folder."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict_to(readable: Iterable[str]) -> tuple[str, ...]:
    """Confine this thread and all it starts; give what is in force, OSError if nothing is."""
    abi = linux.syscall(CREATE_RULESET, None, 0, GET_VERSION)
    files = ALL_OF_FILES[max(known for known in ALL_OF_FILES if known <= abi)]
    attributes = RulesetAttributes(files, ALL_OF_TCP, ALL_SCOPES)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = linux.syscall(CREATE_RULESET, ctypes.byref(attributes), size, 0)
    try:
        for path in readable:
            _allow_reading(ruleset, path)
        linux.syscall(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return ("files", "tcp", "signals")[: 1 if abi < 4 else 2 if abi < 6 else 3]


def _allow_reading(ruleset: int, path: str) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(folder).st_mode)
        rule = PathBeneath(READ_FILE | (READ_DIR if is_folder else 0), folder)
        linux.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(folder)
