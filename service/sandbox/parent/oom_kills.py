"""Counts the processes that the kernel has killed for lack of memory."""

import re
from functools import cache
from pathlib import Path

from service.sandbox import cgroups

COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
COUNT_FILES = {1: "memory.oom_control", 2: "memory.events"}  # by the version of cgroups
WHOLE_MACHINE = Path("/proc/vmstat")


def oom_kills() -> int:
    """Read the count of our control group, or of the machine where groups do not count."""
    return read_count(count_file(cgroups.membership(), cgroups.ROOT))


@cache
def count_file(membership: str, root: Path) -> Path:
    """Find the file that counts for the groups that `/proc/self/cgroup` names."""
    for group in cgroups.memory_groups(membership, root):
        file = group.path / COUNT_FILES[group.version]
        if file.is_file() and COUNT.search(file.read_text()):
            return file
    return WHOLE_MACHINE


def read_count(source: Path) -> int:
    """Read such a file; one that has no count, or has gone, counts nothing."""
    try:
        found = COUNT.search(cgroups.read_small(source))
    except OSError:
        return 0
    return int(found[1]) if found else 0
