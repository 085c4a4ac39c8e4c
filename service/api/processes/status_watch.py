"""Answers that wait until a process ends: one statement polls for all waiting clients."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from aiohttp import web

from engine.errors import InvalidRequest
from service.errors import Unavailable
from service.outages import POSTGRES, outages
from service.settings import Settings
from service.store import UNAVAILABLE

POLL_SECONDS = 0.1
LONGEST = 30  # seconds that an answer may wait


class StatusWatch:
    """Tells when processes have ended, to as many who wait as the settings allow."""

    def __init__(
        self,
        ended_among: Callable[[Sequence[str]], Awaitable[set[str]]],
        settings: Settings,
    ) -> None:
        self._ended_among = ended_among
        self._most = settings.max_waiting
        self._waiting: dict[asyncio.Event, str] = {}
        self._poller: asyncio.Task[None] | None = None
        self._released = False

    async def wait(self, process_id: str, seconds: float) -> None:
        """Wait for the end of a process, but not for longer; raises Unavailable if too many do."""
        if self._released:
            return
        if len(self._waiting) >= self._most:
            raise Unavailable("Too many requests wait for a process; ask without wait, or later")
        ended = asyncio.Event()
        self._waiting[ended] = process_id
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await ended.wait()
        finally:
            del self._waiting[ended]

    def release(self) -> None:
        """Let nobody wait any more: the API is shutting down."""
        self._released = True
        for ended in self._waiting:
            ended.set()

    async def _poll(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(POLL_SECONDS)
                try:
                    over = await self._ended_among(list(set(self._waiting.values())))
                except UNAVAILABLE as error:
                    outages.failed(POSTGRES, error)
                    continue
                for ended, process_id in self._waiting.items():
                    if process_id in over:
                        ended.set()
        finally:
            self._poller = None


def read_wait(request: web.Request) -> float:
    """Read how many seconds an answer may wait; raises InvalidRequest."""
    text = request.query.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST:
        raise InvalidRequest(f"wait: expected seconds from 0 to {LONGEST}, got {text!r}", "wait")
    return seconds
