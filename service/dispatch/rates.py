"""What a job of each service really costs, by which its turns in the queue are apart."""

import asyncio

from redis.asyncio.client import Redis
from redis.exceptions import RedisError

from service.dispatch.queue import rates

UNIT_SECONDS = 0.02  # of a child, for which a job costs 1
WEIGHT = 0.2  # of the newest work in the average
MOST = 1000.0
CHANGED = 0.25  # of a rate, from which on it is told
TOLD_SECONDS = 0.5  # from one telling to the next


class Rates:
    """Learns from what the children of a worker took, and tells the queue of it.

    A rate is what a job costs, at least 1. The queue's script multiplies by it; of a service that
    nobody has told it of, a job costs 1. Workers tell about the same, and the last one counts.
    """

    def __init__(self, redis: Redis, queue: str) -> None:
        self._redis = redis
        self._key = rates(queue)
        self._rates: dict[int, float] = {}
        self._told: dict[int, float] = {}

    def note(self, service_id: int, seconds: float, jobs: int) -> None:
        """Note how long a child worked on so many jobs of a service."""
        cost = min(MOST, max(1.0, seconds / UNIT_SECONDS / max(1, jobs)))
        before = self._rates.get(service_id, 1.0)
        self._rates[service_id] = before + WEIGHT * (cost - before)

    async def keep_told(self) -> None:
        """Tell the queue of what has changed, for ever; what could not be told is told later."""
        while True:
            try:
                await self.tell()
            except (RedisError, OSError):
                self._told.clear()
            await asyncio.sleep(TOLD_SECONDS)

    async def tell(self) -> None:
        """Tell the queue of the rates that are others than it was told."""
        changed = {
            service_id: rate
            for service_id, rate in self._rates.items()
            if abs(rate - self._told.get(service_id, 1.0))
            > CHANGED * self._told.get(service_id, 1.0)
        }
        if changed:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(
                    self._key,
                    mapping={str(service_id): rate for service_id, rate in changed.items()},
                )
                await pipe.execute()
            self._told |= changed
