"""Linux system calls that Python does not offer, or not in every build."""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38

MFD_CLOEXEC: Final = 1
MFD_ALLOW_SEALING: Final = 2
F_ADD_SEALS: Final = 1033
SEALED: Final = 1 | 2 | 4 | 8  # no more seals, no shrinking, no growing, no writing

_PIDFD_OPEN: Final = 434
_CPUCLOCK_SCHED: Final = 2

_libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    """Give back what a C function returned, or raise its errno as an OSError."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def syscall(number: int, *arguments: object) -> int:
    """Make a system call; integers are passed as longs, the rest as ctypes passes it."""
    longs = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    return checked(_libc.syscall(ctypes.c_long(number), *longs))


def prctl(option: int, value: object, third: object = 0) -> int:
    """Change something about the calling process."""
    longs = [ctypes.c_ulong(item) if isinstance(item, int) else item for item in (value, third)]
    return checked(_libc.prctl(option, *longs, ctypes.c_ulong(0), ctypes.c_ulong(0)))


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends, however it ends; exit if it has ended already."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def cpu_clock(pid: int) -> int:
    """Return the clock of a process's time on the processor, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | _CPUCLOCK_SCHED


def yield_to_others(nice: int) -> None:
    """Leave the processor to whatever else wants it, as far as `nice` says (0 to 19), or further.

    Where the kernel shares the processor by sessions (autogroups), that is said of ours too if we
    lead it, which does not inherit it; that of a terminal is others' as well. Threads that run
    already stay as they are.
    """
    now = os.getpriority(os.PRIO_PROCESS, 0)
    os.nice(max(0, nice - now))
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # no such kernel
            file = Path("/proc/self/autogroup")
            if (wanted := max(nice, now)) > int(file.read_text().split()[-1]):
                file.write_text(f"{wanted}\n")


def open_autogroup(pid: int) -> int:
    """Open what tells the kernel how important a process's session is; -1 if it has no such file.

    It is to be opened before the process gives up its right to be inspected.
    """
    try:
        return os.open(f"/proc/{pid}/autogroup", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def memory_file(name: str, *, sealable: bool) -> int:
    """Open an empty file that lives in memory only; give its descriptor."""
    flags = MFD_CLOEXEC | (MFD_ALLOW_SEALING if sealable else 0)
    return checked(_libc.memfd_create(name.encode(), flags))


def pidfd_open(pid: int) -> int:
    """Open a descriptor that turns readable when the process ends."""
    return syscall(_PIDFD_OPEN, pid, 0)


def capset(header: object, data: object) -> int:
    """Set the capabilities of the calling thread; both are arrays of ctypes."""
    return checked(_libc.capset(header, data))
