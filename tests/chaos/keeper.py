"""Processes of ours that are started again whenever they end, as an orchestrator does."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil

from service.dev.stack import DarkroomServer
from service.errors import EmbeddedError

POLL_SECONDS = 0.05
RESTART_SECONDS = 0.2
STACKS_SECONDS = 0.5  # until a process has written its stacks
LOG_LINES = 25


class Kept:
    """An API or a worker, by name; `pid` is 0 while it is not running."""

    def __init__(self, server: DarkroomServer, name: str, probe: str) -> None:
        self.name = name
        self.probe = probe
        """The URL that tells whether it is ready."""
        self.pid = 0
        self.starts = 0
        self.dirty_exits = 0
        """Ends after SIGTERM with another status than 0."""
        self.last_error = ""
        """Why the last start failed."""
        self.task: asyncio.Task[None] | None = None
        """Keeps it; ends only when it is cancelled."""
        self._server = server
        self._asked_to_end = False
        self._running = asyncio.Event()
        self._since = time.monotonic()

    async def keep(self) -> None:
        """Start it, and start it again whenever it has ended."""
        try:
            while True:
                self._since = time.monotonic()
                try:
                    await self._server.start()
                except EmbeddedError as error:  # Postgres is away, say
                    self.last_error = str(error)
                    await asyncio.sleep(RESTART_SECONDS)
                    continue
                self.pid = self._server.pid
                self.starts += 1
                self._since = time.monotonic()
                self._running.set()
                await self._ended()
                self._running.clear()
                self.pid = 0
                await self._server.kill()
                await asyncio.sleep(RESTART_SECONDS)
        finally:
            await self._server.stop()

    async def runs(self) -> None:
        """Wait until it is ready."""
        await self._running.wait()

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal, if it is there to get it."""
        if not self._running.is_set():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    async def restart(self) -> None:
        """Ask it to end, wait until it has, and until the next one is ready."""
        self._asked_to_end = True
        if self.signal(signal.SIGTERM):
            while self._running.is_set():
                await asyncio.sleep(POLL_SECONDS)
        await self.runs()

    def children(self) -> list[psutil.Process]:
        """Give its rendering children."""
        try:
            return psutil.Process(self.pid).children(recursive=True) if self.pid else []
        except psutil.NoSuchProcess:
            return []

    async def doing(self) -> list[str]:
        """Tell what it is doing: its state, the processor's time it had, its stacks, its log."""
        state = "ready" if self._running.is_set() else "starting"
        lines = [f"{self.name}: {state} for {time.monotonic() - self._since:.0f} s"]
        try:
            process = psutil.Process(self._server.pid)
            cpu = sum(process.cpu_times()[:2])
            lines[0] += f", process {process.pid} {process.status()}, {cpu:.1f} s of CPU"
            if _catches(process.pid, signal.SIGUSR2):
                process.send_signal(signal.SIGUSR2)
                await asyncio.sleep(STACKS_SECONDS)
        except (psutil.Error, OSError, EmbeddedError) as error:
            lines[0] += f", no process ({error})"
        if self.last_error:
            lines.append(f"its last start that failed: {self.last_error}")
        log = self._server.log
        tail = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        return [*lines, *(f"  {line[:300]}" for line in tail)]

    async def _ended(self) -> None:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT  # its owner reaps it
        while (end := os.waitid(os.P_PID, self.pid, flags)) is None:  # noqa: ASYNC222 - WNOHANG
            await asyncio.sleep(POLL_SECONDS)
        if self._asked_to_end and end.si_status not in {0, signal.SIGKILL}:
            self.dirty_exits += 1
        self._asked_to_end = False


class NotStartedError(Exception):
    """Not all were ready in time; says what each is doing."""


@asynccontextmanager
async def keeping(kept: list[Kept], seconds: float) -> AsyncIterator[None]:
    """Keep processes running until the end of the context; all are ready after so long at most."""
    async with AsyncExitStack() as stack:
        for each in kept:
            each.task = asyncio.create_task(each.keep(), name=f"keep {each.name}")
            stack.push_async_callback(_cancel, each.task)
        ready = asyncio.create_task(_all_run(kept))
        stack.push_async_callback(_cancel, ready)
        tasks = [each.task for each in kept if each.task]
        await asyncio.wait([ready, *tasks], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            raise NotStartedError("\n".join(await what_each_does(kept)))
        yield


async def what_each_does(kept: list[Kept]) -> list[str]:
    """Tell of all what they are doing, and why one is no longer kept."""
    lines = [line for each in kept for line in await each.doing()]
    ended = [each for each in kept if each.task and each.task.done()]
    return [*lines, *(f"{each.name} is no longer kept: {each.task!r}" for each in ended)]


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal, which would end it otherwise."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


async def _all_run(kept: list[Kept]) -> None:
    await asyncio.gather(*(each.runs() for each in kept))


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
