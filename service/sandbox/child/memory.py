"""The resident memory of this process, now and at its peak."""

import os
import re

PEAK = re.compile(rb"^VmHWM:\s*(\d+) kB", re.MULTILINE)
NOW = re.compile(rb"^VmRSS:\s*(\d+) kB", re.MULTILINE)


class Memory:
    """Reads files of `/proc`, which a confined child cannot open: make it before."""

    def __init__(self) -> None:
        self._status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
        self._marks = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)

    def reset_peak(self) -> None:
        """Reset the peak to what is resident now."""
        os.pwrite(self._marks, b"5", 0)

    def measure(self) -> tuple[int, int]:
        """Return the peak since `reset_peak` and what is resident now, in bytes."""
        text = os.pread(self._status, 4096, 0)
        return _bytes(PEAK, text), _bytes(NOW, text)


def _bytes(pattern: re.Pattern[bytes], text: bytes) -> int:
    found = pattern.search(text)
    return int(found[1]) * 1024 if found else 0
