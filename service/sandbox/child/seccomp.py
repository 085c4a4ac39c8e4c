"""A seccomp filter: system calls that rendering does not need fail.

It is a list of what is forbidden rather than of what is allowed, so that another version
of libc or libvips does not break rendering; calls newer than the list do not exist.
"""

import ctypes
import os
import platform
import struct
from typing import NamedTuple

from service.sandbox import linux

PR_SET_SECCOMP = 22
MODE_FILTER = 2
NEWEST = 451  # system calls with a higher number were added after this list was made

ALLOW = 0x7FFF0000
KILL = 0x80000000
EPERM, EACCES = 0x00050001, 0x0005000D  # an error, with its errno
ENOTTY, ENOSYS = 0x00050019, 0x00050026

LOAD, EQUAL, GREATER, ANY_BIT, GIVE = 0x20, 0x15, 0x25, 0x45, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

OPENED_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CLONE_THREAD = 0x10000
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: no locks, leases or signals
HARMLESS_FCNTL = (0, 1, 2, 3, 4, 1030)


class Machine(NamedTuple):
    """An architecture: its number in the audit system, and its column in the table."""

    audit: int
    column: int


MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}

# Each name with its numbers on x86_64 and aarch64; None where it does not exist.
FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    # the network
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    # other programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "setsid": (112, 157),
    "setpgid": (109, 154), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    # changes to files
    "creat": (85, None), "truncate": (76, 45), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37), "symlink": (88, None),
    "symlinkat": (266, 36), "unlink": (87, None), "unlinkat": (263, 35), "mkdir": (83, None),
    "mkdirat": (258, 34), "rmdir": (84, None), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmodat": (268, 53), "chown": (92, None), "lchown": (94, None),
    "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # changes through a descriptor, which may be open for reading alone: the customer's source
    "fchmod": (91, 52), "fchown": (93, 55), "fsetxattr": (190, 7), "fremovexattr": (199, 16),
    "ftruncate": (77, 46), "fallocate": (285, 47), "flock": (73, 32),
    # memory files, which no limit on memory counts: the worker creates those for outputs
    "memfd_create": (319, 279),
    # the system
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    # doors to the inside of the kernel, and to memory that others share
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
    "memfd_secret": (447, 447),
}  # fmt: skip

# Calls whose arguments are out of the filter's sight; libc falls back to older ones.
UNKNOWN = {"clone3": (435, 435), "openat2": (437, 437)}

# Devices, and file systems that set flags or clone through it; ENOTTY is what files answer.
NO_DEVICE = {"ioctl": (16, 29)}


class Rule(NamedTuple):
    """A call that depends on whether the lower half of an argument passes any of the tests."""

    numbers: tuple[int | None, int | None]
    argument: int
    test: int
    values: tuple[int, ...]
    then: int
    otherwise: int


def rules(pid: int) -> tuple[Rule, ...]:
    """Files only to read, threads but no processes, signals and limits only for itself."""
    return (
        Rule((2, None), 1, ANY_BIT, (OPENED_TO_WRITE,), EACCES, ALLOW),  # open
        Rule((257, 56), 2, ANY_BIT, (OPENED_TO_WRITE,), EACCES, ALLOW),  # openat
        Rule((72, 25), 1, EQUAL, HARMLESS_FCNTL, ALLOW, EPERM),  # fcntl
        Rule((56, 220), 0, ANY_BIT, (CLONE_THREAD,), ALLOW, EPERM),  # clone
        Rule((62, 129), 0, EQUAL, (pid,), ALLOW, EPERM),  # kill
        Rule((234, 131), 0, EQUAL, (pid,), ALLOW, EPERM),  # tgkill
        Rule((302, 261), 0, EQUAL, (0,), ALLOW, EPERM),  # prlimit64
        Rule((157, 167), 0, EQUAL, (linux.PR_SET_PDEATHSIG,), EPERM, ALLOW),  # prctl
    )


class SockFprog(ctypes.Structure):
    """A BPF program: how many instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install() -> None:
    """Put the filter on this thread and all it starts; OSError if that cannot be done."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(f"no list of system calls for {platform.machine()}")
    program = assemble(machine, os.getpid())
    linux.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(SockFprog(len(program) // 8, program)))


def assemble(machine: Machine, pid: int) -> bytes:
    """Make the filter of the process `pid`."""
    steps = [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, machine.audit, then=1),
        _step(GIVE, KILL),
        _step(LOAD, NUMBER),
        _step(GREATER, NEWEST, otherwise=1),
        _step(GIVE, ENOSYS),
    ]
    for table, error in ((FORBIDDEN, EPERM), (NO_DEVICE, ENOTTY), (UNKNOWN, ENOSYS)):
        for numbers in table.values():
            steps += _for_call(numbers[machine.column], [_step(GIVE, error)])
    for rule in rules(pid):
        judgement = [
            _step(LOAD, ARGUMENTS + 8 * rule.argument),
            *(
                _step(rule.test, value, then=len(rule.values) - place)
                for place, value in enumerate(rule.values)
            ),
            _step(GIVE, rule.otherwise),
            _step(GIVE, rule.then),
        ]
        steps += _for_call(rule.numbers[machine.column], judgement)
    return b"".join([*steps, _step(GIVE, ALLOW)])


def _for_call(number: int | None, steps: list[bytes]) -> list[bytes]:
    """Do these steps for one system call, skip them for any other."""
    return [] if number is None else [_step(EQUAL, number, otherwise=len(steps)), *steps]


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; `then` and `otherwise` say how many to skip after a test."""
    return struct.pack("=HBBI", code, then, otherwise, value)
