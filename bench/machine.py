"""What the figures were measured on."""

import os
import platform
from pathlib import Path


def describe() -> dict[str, object]:
    """Tell processor, cores, memory and system."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
    }


def sit_on_one_core() -> None:
    """Stay on one core, and with this process every child that it starts."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
