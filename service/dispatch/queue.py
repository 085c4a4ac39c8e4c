"""Dispatch through arq's sorted set: names in an order, nothing else.

Redis may be wiped at any moment. What it holds is rebuilt from Postgres, where every row
that waits is dispatched again until somebody claims it. Therefore the name of a dispatch
(`id:run`) may be asserted any number of times, and one that is taken twice does nothing the
second time, since its claim finds nothing to take.
"""

from collections.abc import Sequence

import msgspec
from arq.connections import ArqRedis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

RENDER = "darkroom:render"
CALLBACK = "darkroom:callback"

CLASS_SPAN_MS = 30 * 86_400_000  # a class of priority lies this far before the next


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
        """What the queue knows it by; a new run is a new name."""
        return f"{self.id}:{self.run}"

    @property
    def score(self) -> float:
        """What the queue is sorted by: milliseconds, of which a double holds a thousandth."""
        return self.queued * 1000 - (self.priority + 1) * CLASS_SPAN_MS

    @classmethod
    def parse(cls, name: str) -> "Dispatch":
        """Read a name back."""
        id_, _, run = name.rpartition(":")
        return cls(id_, int(run))


def connect(url: str) -> ArqRedis:
    """Open a pool of connections that reconnects, waiting longer each time, for seconds."""
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.01), retries=3)
    errors = [RedisConnectionError, RedisTimeoutError]
    redis = ArqRedis.from_url(
        url, retry=retry, retry_on_error=errors, socket_timeout=5, socket_connect_timeout=2
    )
    assert isinstance(redis, ArqRedis)  # noqa: S101 - from_url is typed as the base class
    return redis


def wake_channel(queue: str) -> str:
    """Name the channel on which a queue's workers are told that there is something new."""
    return f"{queue}:wake"


class Queue:
    """The sending side: asserts dispatches and wakes the workers."""

    def __init__(self, redis: ArqRedis, name: str) -> None:
        self._redis = redis
        self._name = name

    async def dispatch(self, dispatches: Sequence[Dispatch]) -> None:
        """Assert dispatches in one round trip; those already waiting stay where they are."""
        scores = {dispatch.name: dispatch.score for dispatch in dispatches}
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(self._name, scores, nx=True)
            pipe.publish(wake_channel(self._name), b"")
            await pipe.execute()
