"""The receiving side of a queue: takes as much as there is room for, and works on it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Generic, NamedTuple, TypeVar

import structlog
from arq.connections import ArqRedis
from arq.worker import Worker as ArqWorker
from arq.worker import func
from redis.asyncio.client import Redis
from redis.exceptions import RedisError

from service.dispatch.queue import (
    CLASS_SPAN,
    CREDIT,
    Dispatch,
    cancel_channel,
    clocks,
    spilled_flows,
    wake_channel,
)
from service.outages import POSTGRES, REDIS, outages
from service.tasks import stop

Claimed = TypeVar("Claimed")

CANCEL_SECONDS = 5.0  # for what is cancelled to end
PAUSE_SECONDS = 0.5  # after Redis, or what dispatches are claimed from, could not be reached
POP_SECONDS = 1.0  # that a worker waits for what it takes off its queue
MOST_AHEAD = 32  # of what goes before all others, that are remembered until there is room
MOST_PASSED = 8  # times that it takes others instead of what it refuses, before it pauses

PASS_BY = files("service.dispatch").joinpath("pass_by.lua").read_text(encoding="utf-8")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Duty(Generic[Claimed]):
    """What is done with what waits: `claim` it as a whole, then `work` on each that was claimed.

    `work` must settle every error itself. `claim` raises what is `unavailable` when it could not
    claim; then all is put back.
    """

    claim: Callable[[Sequence[Dispatch]], Awaitable[Sequence[Claimed]]]
    work: Callable[[Claimed], Awaitable[None]]
    unavailable: tuple[type[Exception], ...] = ()


@dataclass(frozen=True)
class Capacity:
    """How much a worker takes on.

    `room` tells how many may be in hand now, and how many of them must be free before more
    are taken; what goes before all that waits of others is taken at once, up to as many again.
    Nothing is taken of the services that are `refused`: what comes first of theirs goes behind
    others.
    """

    room: Callable[[], tuple[int, int]]
    refused: Callable[[], Collection[int]] = tuple


@dataclass(frozen=True)
class Backlog:
    """Where a worker looks for what waits although its queue gives nothing, and how often.

    `overdue` is asked at least every `overdue_seconds`, and as often as the queue is polled while
    it gives something. `refill` fills a queue that runs low while more waits in Postgres.
    """

    overdue: Callable[[int], Awaitable[Sequence[Dispatch]]]
    poll_seconds: float
    overdue_seconds: float
    refill: Callable[[], Awaitable[None]] | None = None


class _Taken(NamedTuple):
    """What was taken off a queue, with its scores, and how it went.

    `popped` and `passed` count what came off last, and what of it was put back; `spilled` the
    flows of which the queue does not hold all.
    """

    scores: dict[Dispatch, float]
    popped: int
    spilled: int
    passed: int


class Worker(ArqWorker, Generic[Claimed]):
    """arq's worker, woken by what is dispatched and by its own free slots.

    What waits is taken off the queue in one round trip, as much as there is room for, and
    claimed. What is lost between the two is dispatched again from Postgres,
    which alone knows what is done: so no mark is needed, no job's body and no removal.

    What is in the queue and no dispatch is dropped: `on_garbage` is told how much of it.
    `cancelled` is given the ids of what was cancelled a moment ago, here or anywhere.

    A queue that gives nothing may be empty, full of what it cannot take in, or out of reach. So
    from time to time the backlog is asked for what waits all the same.
    """

    def __init__(
        self,
        redis: ArqRedis,
        name: str,
        duty: Duty[Claimed],
        capacity: Capacity,
        backlog: Backlog,
        *,
        cancelled: Callable[[Sequence[str]], None] = lambda _: None,
        on_garbage: Callable[[int], None] = lambda _: None,
    ) -> None:
        super().__init__(
            functions=[func(_never, name="work")],
            queue_name=name,
            redis_pool=redis,
            poll_delay=backlog.poll_seconds,
            handle_signals=False,
        )
        self._duty = duty
        self._capacity = capacity
        self._backlog = backlog
        self._cancelled = cancelled
        self._overdue_from = 0.0
        self._queue_from = 0.0
        self._on_garbage = on_garbage
        self._passing: tuple[type[Exception], ...] = (
            RedisError,
            OSError,
            *duty.unavailable,
        )
        self._pass_by = redis.register_script(PASS_BY)
        self._wake = asyncio.Event()
        self._ahead = 0  # of what has come and was not asked for yet, before all that waited
        self._more = True  # whether something may wait that was not taken for want of room
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
                    outages.failed(REDIS if isinstance(error, RedisError) else POSTGRES, error)
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
        """Take what waits, as much as there is room for, and begin to work on it."""
        async with self._taking:
            self._more = True
            free = self._free()
            if not self.allow_pick_jobs or not free:
                return
            self._ahead = max(0, self._ahead - free)
            refused = frozenset(self._capacity.refused())
            taken = await self._take_off_queue(free, refused)
            waiting = list(taken.scores) or await self._look_for_overdue(free, refused)
            if waiting:
                await self._begin_on(waiting, taken.scores)
            short = 0 < taken.popped < free  # of what it was asked for: the queue is empty
            self._more = bool(taken.spilled or taken.passed or (waiting and not short))
            if taken.spilled and taken.popped < free and self._backlog.refill is not None:
                await self._backlog.refill()

    def _free(self) -> int:
        """Return how many may be taken now; 0 as long as they are too few to be taken together."""
        most, least = self._capacity.room()
        free = max(most - self.in_hand, min(self._ahead, 2 * most - self.in_hand))
        return free if free >= (1 if self._ahead else least) else 0

    async def _take_off_queue(self, free: int, refused: Collection[int]) -> "_Taken":
        """Take what is first, and put back behind others what is of a refused service."""
        for _ in range(MOST_PASSED):
            popped, spilled = await self._pop(free)
            scores = self._dispatches_in(popped)
            passed = {each: scores.pop(each) for each in [*scores] if each.service_id in refused}
            await self._put_behind(passed)
            if scores or not passed:
                break
        return _Taken(scores, len(popped), spilled, len(passed))

    async def _put_behind(self, passed: Mapping[Dispatch, float]) -> None:
        """Put back what cannot be begun now, so that others of its priority come before it."""
        if passed:
            places = [part for each, score in passed.items() for part in (each.member, score)]
            keys = [self.queue_name, clocks(self.queue_name)]
            await self._pass_by(keys=keys, args=[CLASS_SPAN, CREDIT, *places])

    def _dispatches_in(self, popped: dict[bytes, float]) -> dict[Dispatch, float]:
        """Read what was popped; what is no dispatch is dropped."""
        found: dict[Dispatch, float] = {}
        garbage: list[str] = []
        for member, score in popped.items():
            try:
                found[Dispatch.parse(member.decode())] = score
            except ValueError as error:
                garbage.append(str(error))
        if garbage:
            log.warning(
                "queue_garbage", queue=self.queue_name, dropped=len(garbage), error=garbage[0]
            )
            self._on_garbage(len(garbage))
        return found

    async def _begin_on(self, waiting: Sequence[Dispatch], scores: dict[Dispatch, float]) -> None:
        try:
            taken = await self._duty.claim(waiting)
        except self._duty.unavailable:
            if scores:
                places = {dispatch.member: score for dispatch, score in scores.items()}
                await self.pool.zadd(self.queue_name, places, nx=True)
            raise
        for each in taken:
            self._begin(each)

    async def _pop(self, most: int) -> tuple[dict[bytes, float], int]:
        """Take so much off the queue, and give how many flows it cannot hold all of.

        Nothing is given while Redis does not serve.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._queue_from:
            return {}, 0
        try:
            async with asyncio.timeout(POP_SECONDS):
                async with self.pool.pipeline(transaction=False) as pipe:
                    pipe.zpopmin(self.queue_name, most)
                    pipe.hlen(spilled_flows(self.queue_name))
                    popped, spilled = await pipe.execute()
        except (RedisError, OSError) as error:
            outages.failed(REDIS, error)
            self._queue_from = loop.time() + PAUSE_SECONDS
            return {}, 0
        outages.worked(REDIS)
        return dict(popped), spilled

    async def _look_for_overdue(self, most: int, refused: Collection[int]) -> Sequence[Dispatch]:
        """Ask for what waits although the queue gives nothing, unless that was done just now."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._overdue_from:
            return ()
        self._overdue_from = loop.time() + self._backlog.overdue_seconds
        found = await self._backlog.overdue(most)
        if found:
            self._overdue_from = loop.time() + self.poll_delay_s
        return [each for each in found if each.service_id not in refused]

    def _begin(self, taken: Claimed) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(self._duty.work(taken))
        self._in_hand.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        if self._more:
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
            cancels = cancel_channel(self.queue_name)
            await channel.subscribe(wake_channel(self.queue_name), cancels)
            while True:  # the first message says that we hear: what came before is looked for
                heard = await channel.get_message(timeout=60)
                if heard and heard["type"] == "message" and heard["channel"] == cancels.encode():
                    self._cancelled(heard["data"].decode(errors="replace").split())
                    continue
                if heard and heard["type"] == "message" and heard["data"].isdigit():
                    self._ahead = min(MOST_AHEAD, self._ahead + int(heard["data"]))
                self._wake.set()


async def unclaimed(dispatches: Sequence[Dispatch]) -> Sequence[Dispatch]:
    """Claim nothing: for work that claims each dispatch itself, when its turn has come."""
    return dispatches


async def _never(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
    """Stand in for the function that arq wants to know; what is taken is no job of arq's."""
