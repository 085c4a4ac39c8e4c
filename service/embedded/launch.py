"""A small script that becomes a server and ends with its parent.

It runs as a process of its own (`python -I -S launch.py …`) because both steps
belong between fork and exec, where a parent with threads must not run Python.
The process id stays the same through the exec.
"""

import argparse
import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
NOBODY = 65534


def main() -> None:
    """Drop root if asked to, tie this process to its parent, become the server."""
    options = _parse_arguments()
    libc = ctypes.CDLL(None, use_errno=True)
    if options.demote == "namespace":
        _enter_user_namespace(libc)
    elif options.demote == "user":
        _become_nobody()
    _die_with_parent(libc, options.parent, options.signal)
    os.execv(options.command[0], options.command)  # noqa: S606  # that is the point


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--demote", choices=["namespace", "user"])
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    """Be nobody inside and root outside, so that no file needs another owner."""
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"unshare: {os.strerror(error)}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _die_with_parent(libc: ctypes.CDLL, parent: int, signal: int) -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)


if __name__ == "__main__":
    main()
