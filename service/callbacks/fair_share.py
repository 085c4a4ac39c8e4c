"""Shares the slots for sending fairly between services."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from service.settings import Settings


class Receiver(Struct, frozen=True):
    """Where one service has its callbacks sent, as `host:port`; it may fail for this one alone."""

    service_id: int
    address: str


class QueueFull(Exception):
    """So many callbacks of this service wait here that further ones should come back later."""


class FairShare:
    """Lends slots; who waits has its turn after every other service that waits.

    One receiver that hangs fills its own slots; the rest of its service, and all other services,
    go on in theirs.
    """

    def __init__(self, settings: Settings) -> None:
        self._free = self._most = settings.callback_concurrency
        self._per_service = settings.callback_service_concurrency
        self._per_receiver = settings.callback_receiver_concurrency
        self._max_waiting = settings.callback_waiting
        self._busy: Counter[int | Receiver] = Counter()
        self._waiting: dict[int, deque[tuple[Receiver, asyncio.Future[None]]]] = {}

    @property
    def busy(self) -> int:
        """How many slots are lent out."""
        return self._most - self._free

    @asynccontextmanager
    async def slot(self, receiver: Receiver) -> AsyncIterator[None]:
        """Hold a slot, once it is this receiver's turn; raises QueueFull instead of waiting."""
        await self._turn(receiver)
        try:
            yield
        finally:
            self._give_back(receiver)

    async def _turn(self, receiver: Receiver) -> None:
        queue = self._waiting.setdefault(receiver.service_id, deque())
        if len(queue) >= self._max_waiting:
            raise QueueFull
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append((receiver, granted))
        self._hand_out()
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
                self._give_back(receiver)
            raise

    def _give_back(self, receiver: Receiver) -> None:
        self._free += 1
        self._busy.subtract([receiver, receiver.service_id])
        self._busy = +self._busy
        self._hand_out()

    def _hand_out(self) -> None:
        """Lend free slots, one to each service that can use it, until none can."""
        lent = True
        while lent and self._free:
            lent = False
            for service_id in list(self._waiting):
                if self._free and self._lend_to(service_id):
                    lent = True

    def _lend_to(self, service_id: int) -> bool:
        queue = self._waiting.pop(service_id)
        lent = False
        for _ in range(len(queue)):
            receiver, granted = queue.popleft()
            if granted.done():  # cancelled while it waited
                continue
            if not lent and self._has_room(receiver):
                self._free -= 1
                self._busy.update([receiver, service_id])
                granted.set_result(None)
                lent = True
            else:
                queue.append((receiver, granted))
        if queue:
            self._waiting[service_id] = queue  # behind the others, whose turn is next
        return lent

    def _has_room(self, receiver: Receiver) -> bool:
        return (
            self._busy[receiver] < self._per_receiver
            and self._busy[receiver.service_id] < self._per_service
        )
