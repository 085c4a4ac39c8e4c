"""Counts the processes that the kernel has killed for lack of memory."""

import re
from functools import cache
from pathlib import Path

COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
CGROUPS = Path("/sys/fs/cgroup")
WHOLE_MACHINE = Path("/proc/vmstat")


def oom_kills() -> int:
    """Read the count of our control group, or of the machine where groups do not count."""
    source = count_file(Path("/proc/self/cgroup").read_text(), CGROUPS)
    return read_count(source)


@cache
def count_file(membership: str, cgroups: Path) -> Path:
    """Find the file that counts for the groups that `/proc/self/cgroup` names.

    In a container the group's path is that of the host, and the group itself is the root
    that is seen.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        for name in _names(controllers, path):
            if (cgroups / name).is_file() and COUNT.search((cgroups / name).read_text()):
                return cgroups / name
    return WHOLE_MACHINE


def read_count(source: Path) -> int:
    """Read such a file; one that has no count, or has gone, counts nothing."""
    try:
        found = COUNT.search(source.read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _names(controllers: str, path: str) -> list[str]:
    if not controllers:  # version 2
        return [f"{base}{place}/memory.events" for base in (".", "unified") for place in (path, "")]
    if "memory" in controllers.split(","):
        return [f"memory{place}/memory.oom_control" for place in (path, "")]
    return []
