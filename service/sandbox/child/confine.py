"""Confines a child: the rights that it gives up before it sees its first image.

A decoder that is taken over by a hostile file finds: no credentials in its environment, no
capabilities, no network, no other program to run, no process to inspect or to signal, no
file to write, and none to read but Python, libraries and fonts. A child that lacks one of
the REQUIRED protections does not start, unless the operator accepts that.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import engine
import service
from service.sandbox import linux
from service.sandbox.child import landlock, seccomp
from service.sandbox.protocol import REQUIRED

CAPABILITY_VERSION = 0x20080522
FIRST_VICTIM = "1000"

SYSTEM = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/null", "/dev/zero", "/dev/urandom",
)  # fmt: skip
PYTHON = (sys.prefix, sys.base_prefix)
OURS = tuple(str(folder) for package in (engine, service) for folder in package.__path__)


def confine(readable: Iterable[str], *, allow_weak: bool) -> tuple[str, ...]:
    """Give up all that rendering does not need; name what is in force from now on.

    `readable` are files and folders beside the system's, Python's and our own. Exits if a
    required protection is missing, unless that is allowed. To be called while there is one
    thread: others would keep their rights.
    """
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise RuntimeError(f"expected one thread to confine, found {threads}")
    _be_the_first_victim()
    paths = (*SYSTEM, *PYTHON, *OURS, *readable)
    in_force = (
        *_try("no-new-privileges", lambda: linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)),
        *_landlock(paths),
        *_try("no-capabilities", _drop_capabilities),
        *_try("no-inspection", lambda: linux.prctl(linux.PR_SET_DUMPABLE, 0)),
        *_try("seccomp", seccomp.install),
    )
    missing = [name for name in REQUIRED if name not in in_force]
    if missing and not allow_weak:
        sys.exit(f"this machine offers no {', '.join(missing)}; see DARKROOM_ALLOW_WEAK_SANDBOX")
    return in_force


def _try(name: str, give_up: Callable[[], object]) -> tuple[str, ...]:
    try:
        give_up()
    except OSError:
        return ()
    return (name,)


def _landlock(paths: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(f"landlock-{what}" for what in landlock.restrict_to(paths))
    except OSError:
        return ()


def _be_the_first_victim() -> None:
    """When memory runs out, let the kernel take the child rather than the worker."""
    try:
        Path("/proc/self/oom_score_adj").write_text(FIRST_VICTIM)
    except OSError:
        return


def _drop_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets, which root has full."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    linux.capset(header, (ctypes.c_uint32 * 6)())
