"""A forked child as a process: watched through a descriptor, killed, its cause of death found."""

import asyncio
import contextlib
import os
import select
import signal
import time

from service.sandbox import linux
from service.sandbox.parent.server_process import last_words

NICEST = 19  # what leaves most to others
LONGEST_DEATH_SECONDS = 5.0  # of a process that was killed


class ChildProcess:
    """A process in a session of its own, that the fork server has for a child.

    Its standard output and error go to a file in memory, so that its last words can be
    read after its death and a flood of them reaches no log.
    """

    def __init__(self, pid: int, pidfd: int, stderr: int) -> None:
        self.pid = pid
        """Its process id."""
        self.orphaned = False
        """Whether it has ended because the fork server has."""
        self._pidfd = pidfd
        self._stderr = stderr
        self._autogroup = linux.open_autogroup(pid)
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def note_end(self, status: int, *, orphaned: bool = False) -> None:
        """Take note of its exit status, or the negative of a signal."""
        if not self._status.done():
            self.orphaned = orphaned
            self._status.set_result(status)

    def kill(self) -> None:
        """Kill it; it cannot have started others."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def yield_to_others(self, more: int) -> None:
        """Have it, with all its threads, leave the processor to others by so much more.

        It may have inherited more than the worker was told, and is not to become more important.
        """
        try:
            nice = min(NICEST, os.getpriority(os.PRIO_PROCESS, self.pid) + more)
            os.setpriority(os.PRIO_PGRP, self.pid, nice)
        except ProcessLookupError:
            return
        if self._autogroup >= 0:
            with contextlib.suppress(OSError):  # told too often, or gone
                os.write(self._autogroup, b"%d" % nice)

    @property
    def cpu_seconds(self) -> float:
        """The processor's time that it and its threads have had; 0 when it is gone."""
        try:
            return time.clock_gettime(linux.cpu_clock(self.pid))
        except OSError:
            return 0.0

    async def exited(self) -> int:
        """Wait until it has ended; give its exit status, or the negative of a signal."""
        await asyncio.wait([self._status])
        return self._status.result()

    def forget_stderr(self) -> None:
        """Drop what it has written so far."""
        os.ftruncate(self._stderr, 0)

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error."""
        return last_words(self._stderr)

    def close(self) -> None:
        """Kill it if it lives, wait for its end, and close what was open; twice is once."""
        if self._pidfd < 0:
            return
        self.kill()
        select.select([self._pidfd], [], [], LONGEST_DEATH_SECONDS)
        os.close(self._pidfd)
        os.close(self._stderr)
        if self._autogroup >= 0:
            os.close(self._autogroup)
        self._pidfd = self._stderr = self._autogroup = -1


def new_stderr() -> int:
    """Open a file in memory for what a child writes to its standard output and error."""
    return linux.memory_file("stderr", sealable=False)
