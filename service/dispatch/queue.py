"""Dispatch through arq: ids and delays, nothing else.

Redis may be wiped at any moment. What it holds is rebuilt from Postgres, where every row
that waits is dispatched again until somebody claims it. Therefore the name of a dispatch
(`id:run`) may be asserted any number of times, and a job that runs twice does nothing the
second time, since its claim finds nothing to take.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import structlog
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.jobs import serialize_job
from arq.worker import Worker as ArqWorker
from arq.worker import func
from redis.asyncio.client import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service.tasks import stop

RENDER = "darkroom:render"
CALLBACK = "darkroom:callback"

CLASS_SPAN_MS = 30 * 86_400_000  # a class of priority lies this far before the next
CLAIM_SECONDS = 4.0  # arq's own mark; the lease in Postgres is the one that counts

log = structlog.get_logger(__name__)


class Dispatch(msgspec.Struct, frozen=True):
    """The name of one dispatch, its class, and since when it waits, in seconds since 1970.

    Class 1 goes before 0, 0 before -1; in a class the oldest goes first, by the microsecond.
    """

    id: str
    run: int
    priority: int = 0
    queued: float = 0

    @property
    def name(self) -> str:
        """What arq knows it by; a new run is a new name."""
        return f"{self.id}:{self.run}"

    @classmethod
    def parse(cls, name: str) -> "Dispatch":
        """Read a name back."""
        id_, _, run = name.rpartition(":")
        return cls(id_, int(run))


def connect(url: str) -> ArqRedis:
    """Open a pool of connections that reconnects, waiting longer each time, for seconds."""
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.01), retries=3)
    errors = [RedisConnectionError, RedisTimeoutError]
    made = ArqRedis.from_url(
        url, retry=retry, retry_on_error=errors, socket_timeout=5, socket_connect_timeout=2
    )
    assert isinstance(made, ArqRedis)  # noqa: S101 - from_url is typed as the base class
    return made


class Queue:
    """The sending side: asserts dispatches and wakes the workers."""

    def __init__(self, redis: ArqRedis, name: str) -> None:
        self._redis = redis
        self._name = name

    async def dispatch(self, dispatches: Sequence[Dispatch]) -> None:
        """Assert dispatches in one round trip; those already waiting stay where they are."""
        now = int(time.time() * 1000)
        bodies = {job_key_prefix + dispatch.name: _body(dispatch, now) for dispatch in dispatches}
        scores = {dispatch.name: _score(dispatch) for dispatch in dispatches}
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.mset(bodies)
            pipe.zadd(self._name, scores, nx=True)
            pipe.publish(_wake_channel(self._name), b"")
            await pipe.execute()


def _body(dispatch: Dispatch, now: int) -> bytes:
    return serialize_job("work", (dispatch.name,), {}, None, now, serializer=msgspec.json.encode)


def _score(dispatch: Dispatch) -> float:
    """Give what the queue is sorted by: milliseconds, of which a double holds a thousandth."""
    return dispatch.queued * 1000 - (dispatch.priority + 1) * CLASS_SPAN_MS


def _wake_channel(name: str) -> str:
    return f"{name}:wake"


class Worker(ArqWorker):
    """arq's worker, woken by what is dispatched and by its own free slots.

    `work` is given a Dispatch and must settle every error itself. Losing Redis makes the
    worker wait for it; running work goes on.
    """

    def __init__(
        self,
        redis: ArqRedis,
        name: str,
        work: Callable[[Dispatch], Awaitable[None]],
        *,
        slots: int,
        poll_seconds: float,
    ) -> None:
        async def run(ctx: dict[Any, Any], *args: Any, **_: Any) -> None:
            await work(Dispatch.parse(args[0]))

        super().__init__(
            functions=[func(run, name="work", timeout=30 * 86_400)],
            queue_name=name,
            redis_pool=redis,
            max_jobs=slots,
            queue_read_limit=max(1000, 10 * slots),
            poll_delay=poll_seconds,
            keep_result=0,
            max_tries=2**31,
            handle_signals=False,
            job_serializer=msgspec.json.encode,
            job_deserializer=msgspec.json.decode,
            log_results=False,
        )
        self._wake = asyncio.Event()

    async def main(self) -> None:
        """Take work whenever there is some and a slot is free, until cancelled."""
        listener = asyncio.create_task(self._listen())
        try:
            while True:
                try:
                    await self._take()
                except (RedisError, OSError) as error:
                    log.warning("redis_away", queue=self.queue_name, error=str(error))
                    await asyncio.sleep(0.5)
                with suppress(TimeoutError):
                    # not wait_for: that of Python 3.11 may swallow a cancellation
                    async with asyncio.timeout(self.poll_delay_s):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            await stop(listener)

    async def _take(self) -> None:
        """Start what waits, lowest score first.

        arq's own would leave what has a score in the future; that is for us no delay but an
        order, and the clocks of others may be ahead of ours.
        """
        if self.allow_pick_jobs and self.job_counter < self.max_jobs:
            await self.start_jobs(await self.pool.zrange(self.queue_name, 0, self.queue_read_limit))

    async def drain(self, seconds: float) -> None:
        """Take nothing more, let what runs finish for so long, then cancel it and wait."""
        self.allow_pick_jobs = False
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=seconds)
        for task in list(self.job_tasks.values()):
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=5)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start as many of these as there are free slots; one round trip each.

        arq's own leaks a slot when Redis goes away half way.
        """
        for name in [job_id.decode() for job_id in job_ids]:
            if self.job_counter >= self.max_jobs:
                return
            if name not in self.tasks and (score := await self._mark(name)) is not None:
                self._start(name, score)

    async def _mark(self, name: str) -> int | None:
        """Mark a dispatch as taken, unless another worker has; gives its score."""
        mark = in_progress_key_prefix + name
        async with self.pool.pipeline(transaction=False) as pipe:
            pipe.zscore(self.queue_name, name)
            pipe.set(mark, b"1", px=int(CLAIM_SECONDS * 1000), nx=True)
            score, taken = await pipe.execute()
        if taken and score is None:
            await self.pool.delete(mark)
        return int(score) if taken and score is not None else None

    def _start(self, name: str, score: int) -> None:
        self.job_counter += 1
        self.tasks[name] = self.loop.create_task(self.run_job(name, score))
        self.tasks[name].add_done_callback(partial(self._free_slot, name))

    def _free_slot(self, name: str, task: asyncio.Task[None]) -> None:
        self.job_counter -= 1
        del self.tasks[name]
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("queue_broke", queue=self.queue_name, error=repr(error))

    async def heart_beat(self) -> None:
        """Do nothing: our own metrics say that we live, and we have no cron jobs."""

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (RedisError, OSError):
                await asyncio.sleep(0.5)

    async def _hear(self) -> None:
        redis: Redis = self.pool
        async with redis.pubsub() as channel:
            await channel.subscribe(_wake_channel(self.queue_name))
            while True:  # the first message says that we hear: what came before is looked for
                await channel.get_message(timeout=60)
                self._wake.set()
