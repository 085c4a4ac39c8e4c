"""The memory limit of this process and its children: of the control group, or of the machine."""

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
WORKER_BYTES = 192 * 1024 * 1024  # of the worker itself, and what the kernel keeps for both
CHILD_BYTES = 64 * 1024 * 1024  # of a child at rest
LEAST_BYTES = 128 * 1024 * 1024  # for the work of a slot, however little there is


def memory_for_works(limit: int, slots: int) -> int:
    """Return what is left for works of a worker's memory: beyond what all takes at rest.

    There is a spare child beside those of the slots.
    """
    return max(slots * LEAST_BYTES, limit - WORKER_BYTES - (slots + 1) * CHILD_BYTES)


def memory_limit(
    membership: str | None = None, cgroups: Path = CGROUPS, machine: int | None = None
) -> int:
    """Return the lowest limit in bytes of our control groups, or the machine's memory.

    `membership` is what `/proc/self/cgroup` says. In a container the group's path may be that
    of the host, and the group itself the root that is seen.
    """
    if machine is None:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if membership is None:
        membership = Path("/proc/self/cgroup").read_text()
    found = [machine]
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            bases, name = [cgroups, cgroups / "unified"], "memory.max"
        elif "memory" in controllers.split(","):
            bases, name = [cgroups / "memory"], "memory.limit_in_bytes"
        else:
            continue
        for base in bases:
            group = base / path.lstrip("/")
            groups = [group, *group.parents[: len(group.parts) - len(base.parts)]]
            found += [read for each in groups if (read := _read(each / name)) is not None]
    return min(found)


def _read(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # there is none, or it says "max"
        return None
