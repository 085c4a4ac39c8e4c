"""The memory limit of this process and its children: of the control group, or of the machine."""

import os
from pathlib import Path

from service.sandbox import cgroups

LIMIT_FILES = {1: "memory.limit_in_bytes", 2: "memory.max"}  # by the version of cgroups
WORKER_BYTES = 192 * 1024 * 1024  # of the worker itself, and what the kernel keeps for both
CHILD_BYTES = 64 * 1024 * 1024  # of a child at rest
RESTING_BYTES = 32 * 1024 * 1024  # of it that is its own: what the fork server loaded is shared
RESTING_PART = 16  # of the memory, one of so many parts, is for those beyond the slots at most
LEAST_BYTES = 128 * 1024 * 1024  # for the work of a slot, however little there is


def memory_for_works(limit: int, slots: int, resting: int = 0) -> int:
    """Return what is left for works of a worker's memory: beyond what all takes at rest.

    There is a spare child beside those of the slots, and so many that rest.
    """
    children = (slots + 1) * CHILD_BYTES + resting * RESTING_BYTES
    return max(slots * LEAST_BYTES, limit - WORKER_BYTES - children)


def resting_children(limit: int, wanted: int) -> int:
    """Return how many children may rest beside those of the slots: in a sixteenth of the memory."""
    return min(wanted, limit // RESTING_PART // RESTING_BYTES)


def memory_limit(
    membership: str | None = None, root: Path = cgroups.ROOT, machine: int | None = None
) -> int:
    """Return the lowest limit in bytes of our control groups, or the machine's memory.

    `membership` is what `/proc/self/cgroup` says.
    """
    if machine is None:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if membership is None:
        membership = cgroups.membership()
    groups = cgroups.memory_groups(membership, root)
    limits = [_read(group.path / LIMIT_FILES[group.version]) for group in groups]
    return min([machine, *(limit for limit in limits if limit is not None)])


def _read(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # there is none, or it says "max"
        return None
