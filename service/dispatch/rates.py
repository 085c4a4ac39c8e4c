"""What a job of each service really costs, by which its turns in the queue are apart."""

import asyncio
from contextlib import suppress

from redis.asyncio.client import Redis
from redis.exceptions import RedisError

from service.dispatch.queue import HIGHEST_RATE, rates

UNIT_SECONDS = 0.02  # of a child, for which a job costs 1
WEIGHT = 0.2  # of the newest work in the average
TOLD_SECONDS = 0.5  # from one telling to the next
KEPT_SECONDS = 3600  # that the queue remembers rates after the last telling


class Rates:
    """Learns from what the children of a worker took, and tells the queue of it.

    A rate is what a job costs, at least 1. The queue's script multiplies by it; of a service that
    nobody has told it of, a job costs 1. Workers tell about the same, and the last one counts.
    Of each service that was worked for the rate is told again, changed or not, since the queue may
    have been wiped, or remember what another worker learned long ago.
    """

    def __init__(self, redis: Redis, queue: str) -> None:
        self._redis = redis
        self._key = rates(queue)
        self._rates: dict[int, float] = {}
        self._untold: set[int] = set()

    def note(self, service_id: int, seconds: float, jobs: int) -> None:
        """Note how long a child worked on so many jobs of a service."""
        cost = min(HIGHEST_RATE, max(1.0, seconds / UNIT_SECONDS / max(1, jobs)))
        before = self._rates.get(service_id, cost)
        self._rates[service_id] = before + WEIGHT * (cost - before)
        self._untold.add(service_id)

    async def keep_told(self) -> None:
        """Tell the queue what was learned, for ever; what could not be told is told later."""
        while True:
            with suppress(RedisError, OSError):
                await self.tell()
            await asyncio.sleep(TOLD_SECONDS)

    async def tell(self) -> None:
        """Tell the queue the rates of the services that were worked for since it was told."""
        telling, self._untold = self._untold, set()
        if not telling:
            return
        learned = {str(service_id): self._rates[service_id] for service_id in telling}
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(self._key, mapping=learned)
                pipe.expire(self._key, KEPT_SECONDS)
                await pipe.execute()
        except (RedisError, OSError):
            self._untold |= telling
            raise
