"""The fork server as a process: started in a clean environment, watched, killed."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from service.sandbox import linux

STDERR_KEPT = 4000  # bytes


class ServerProcess:
    """A process in a session of its own, with no descriptor but its socket.

    Its standard output and error go to a file in memory, so that its last words can be
    read after its death and a flood of them reaches no log.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], channel: int) -> None:
        with contextlib.ExitStack() as opened:
            self._stderr = linux.memory_file("stderr", sealable=False)
            opened.callback(os.close, self._stderr)
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [*command, str(channel), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=[channel],
                cwd="/",
                env=dict(environ),
                umask=0o077,
                start_new_session=True,
            )
            opened.callback(self._end)
            self._pidfd = linux.pidfd_open(self._process.pid)
            opened.callback(os.close, self._pidfd)
            self._opened = opened.pop_all()

    @property
    def pid(self) -> int:
        """Its process id, which is its session's and its group's too."""
        return self._process.pid

    def kill(self) -> None:
        """Kill it, and whatever it may have started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def exited(self) -> int:
        """Wait until it has ended; give its exit status, or the negative of a signal."""
        if self._process.poll() is None:
            loop = asyncio.get_running_loop()
            gone = loop.create_future()
            loop.add_reader(self._pidfd, _resolve, gone)
            try:
                await gone
            finally:
                loop.remove_reader(self._pidfd)
        return self._process.wait()

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error."""
        return last_words(self._stderr)

    def close(self) -> None:
        """Kill it if it lives, wait for its end, and close what was open; twice is once."""
        self._opened.close()

    def _end(self) -> None:
        if self._process.poll() is None:
            self.kill()
            self._process.wait()


def last_words(stderr: int) -> str:
    """Return the end of what was written to a file."""
    size = os.fstat(stderr).st_size
    tail = os.pread(stderr, STDERR_KEPT, max(0, size - STDERR_KEPT))
    return tail.decode(errors="replace").replace("\0", "").strip()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
