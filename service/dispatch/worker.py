"""The receiving side of a queue: takes what waits as far as there is room, and works on it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

import structlog
from arq.connections import ArqRedis
from arq.worker import Worker as ArqWorker
from arq.worker import func
from redis.asyncio.client import Redis
from redis.exceptions import RedisError

from service.dispatch.queue import Dispatch, wake_channel
from service.tasks import stop

Taken = TypeVar("Taken")

CANCEL_SECONDS = 5.0  # for what is cancelled to end
PAUSE_SECONDS = 0.5  # after Redis, or what dispatches are claimed from, could not be reached

log = structlog.get_logger(__name__)


class Worker(ArqWorker, Generic[Taken]):
    """arq's worker, woken by what is dispatched and by its own free slots.

    What waits is taken off the queue in one round trip, as much as there is room for, and
    given to `claim` as a whole; `work` is given each thing that `claim` made of it, and must
    settle every error itself. What is lost between the two is dispatched again from Postgres,
    which alone knows what is done: so no mark is needed, no job's body and no removal.
    `claim` raises `unavailable` when it could not claim; then all is put back.

    `room` tells how many may be in hand now, and how many of them must be free before more
    are taken. Losing Redis makes the worker wait for it; running work goes on.
    """

    def __init__(
        self,
        redis: ArqRedis,
        name: str,
        claim: Callable[[Sequence[Dispatch]], Awaitable[Sequence[Taken]]],
        work: Callable[[Taken], Awaitable[None]],
        *,
        room: Callable[[], tuple[int, int]],
        poll_seconds: float,
        unavailable: tuple[type[Exception], ...] = (),
    ) -> None:
        super().__init__(
            functions=[func(_never, name="work")],
            queue_name=name,
            redis_pool=redis,
            poll_delay=poll_seconds,
            handle_signals=False,
        )
        self._claim = claim
        self._work = work
        self._room = room
        self._unavailable = unavailable
        self._passing: tuple[type[Exception], ...] = (RedisError, OSError, *unavailable)
        self._wake = asyncio.Event()
        self._in_hand: set[asyncio.Task[None]] = set()
        self._taking = asyncio.Lock()

    @property
    def in_hand(self) -> int:
        """How many things are being worked on."""
        return len(self._in_hand)

    async def main(self) -> None:
        """Take work whenever there is some and a slot is free, until cancelled."""
        listener = asyncio.create_task(self._listen())
        try:
            while True:
                try:
                    await self._take()
                except self._passing as error:
                    log.warning("cannot_take", queue=self.queue_name, error=repr(error))
                    await asyncio.sleep(PAUSE_SECONDS)
                with suppress(TimeoutError):
                    # not wait_for: that of Python 3.11 may swallow a cancellation
                    async with asyncio.timeout(self.poll_delay_s):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            await stop(listener)

    async def drain(self, seconds: float) -> None:
        """Take nothing more, let what runs finish for so long, then cancel it and wait."""
        self.allow_pick_jobs = False
        async with self._taking:  # what was being taken is in hand now
            pass
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                ends = (stop(task) for task in self._in_hand)
                await asyncio.gather(*ends, return_exceptions=True)

    async def _take(self) -> None:
        """Take what waits longest, as much as there is room for, and begin to work on it."""
        async with self._taking:
            most, least = self._room()
            free = most - self.in_hand
            if not self.allow_pick_jobs or free < least:
                return
            scores: dict[bytes, float] = dict(await self.pool.zpopmin(self.queue_name, free))
            if not scores:
                return
            try:
                taken = await self._claim([Dispatch.parse(name.decode()) for name in scores])
            except self._unavailable:
                await self.pool.zadd(self.queue_name, scores, nx=True)
                raise
            for each in taken:
                self._begin(each)

    def _begin(self, taken: Taken) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(self._work(taken))
        self._in_hand.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work_broke", queue=self.queue_name, exc_info=error)

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (RedisError, OSError):
                await asyncio.sleep(PAUSE_SECONDS)

    async def _hear(self) -> None:
        redis: Redis = self.pool
        async with redis.pubsub() as channel:
            await channel.subscribe(wake_channel(self.queue_name))
            while True:  # the first message says that we hear: what came before is looked for
                await channel.get_message(timeout=60)
                self._wake.set()


async def unclaimed(dispatches: Sequence[Dispatch]) -> Sequence[Dispatch]:
    """Claim nothing: for work that claims each dispatch itself, when its turn has come."""
    return dispatches


async def _never(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
    """Stand in for the function that arq wants to know; what is taken is no job of arq's."""
