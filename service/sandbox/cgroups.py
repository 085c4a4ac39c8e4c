"""The control groups that bound the memory of this process, in either version of cgroups."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
PIECE_BYTES = 64 * 1024


class MemoryGroup(NamedTuple):
    """The folder of a group, and the version of cgroups: 1 or 2."""

    path: Path
    version: int


def membership() -> str:
    """Read the groups of this process, as the kernel lists them."""
    return read_small(MEMBERSHIP)


def read_small(file: Path) -> str:
    """Read a file of the kernel, for every work: text files of Python cost several times that."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = iter(lambda: os.read(descriptor, PIECE_BYTES), b"")  # the kernel gives it in pages
        return b"".join(pieces).decode()
    finally:
        os.close(descriptor)


def memory_groups(membership: str, root: Path = ROOT) -> Iterator[MemoryGroup]:
    """List the groups of a membership, each before those around it, up to the root.

    In a container a group's path may be that of the host, and the group itself the root that is
    seen; so not every folder need exist.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            bases, version = [root, root / "unified"], 2
        elif "memory" in controllers.split(","):
            bases, version = [root / "memory"], 1
        else:
            continue
        for base in bases:
            group = base / path.lstrip("/")
            outer = group.parents[: len(group.parts) - len(base.parts)]
            yield from (MemoryGroup(each, version) for each in (group, *outer))
