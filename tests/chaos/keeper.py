"""Processes of ours that are started again whenever they end, as an orchestrator does."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psutil

from service.dev.stack import DarkroomServer
from service.errors import EmbeddedError

POLL_SECONDS = 0.05
RESTART_SECONDS = 0.2


class Kept:
    """An API or a worker, by name; `pid` is 0 while it is not running."""

    def __init__(self, server: DarkroomServer, name: str, probe: str) -> None:
        self.name = name
        self.probe = probe
        """The URL that tells whether it is ready."""
        self.pid = 0
        self.dirty_exits = 0
        """Ends after SIGTERM with another status than 0."""
        self._server = server
        self._asked_to_end = False
        self._running = asyncio.Event()

    async def keep(self) -> None:
        """Start it, and start it again whenever it has ended."""
        try:
            while True:
                try:
                    await self._server.start()
                except EmbeddedError:  # Postgres is away, say
                    await asyncio.sleep(RESTART_SECONDS)
                    continue
                self.pid = self._server.pid
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

    async def _ended(self) -> None:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT  # its owner reaps it
        while (end := os.waitid(os.P_PID, self.pid, flags)) is None:  # noqa: ASYNC222 - WNOHANG
            await asyncio.sleep(POLL_SECONDS)
        if self._asked_to_end and end.si_status not in {0, signal.SIGKILL}:
            self.dirty_exits += 1
        self._asked_to_end = False


@asynccontextmanager
async def keeping(kept: list[Kept]) -> AsyncIterator[None]:
    """Keep processes running until the end of the context."""
    async with AsyncExitStack() as stack:
        for each in kept:
            task = asyncio.create_task(each.keep())
            stack.push_async_callback(_cancel, task)
        await asyncio.gather(*(each.runs() for each in kept))
        yield


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
