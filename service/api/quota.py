"""Quotas: jobs per minute of a service, counted for all APIs together.

A bucket as deep as a minute's quota, that fills up all the time. A request is let in while there
is one job left in it, and all its jobs are taken out then: what it has taken too much is owed,
and the next request waits until it is paid. So no request is too large for a quota, and none is
free.

The buckets are in Valkey. When it does not answer in time each process counts for itself.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from time import time

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.dispatch import Batcher
from service.errors import RateLimited
from service.outages import REDIS, outages
from service.settings import Settings
from service.store import Holder

MINUTE = 60.0
ONE_JOB = 0.999  # less than 1 by more than roundings add up to
LOCAL_SECONDS = 1.0  # for which Valkey is not asked after it did not answer

# For each bucket: jobs a minute, jobs to take, whether to ask first. A bucket is the moment at
# which it will be full again. Gives what is left, before anything is taken from one that is asked.
TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local left = {}
for i, bucket in ipairs(KEYS) do
    local quota, jobs, asked = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), ARGV[3 * i]
    local full_at = math.max(now, tonumber(redis.call('GET', bucket) or 0))
    left[i] = quota - (full_at - now) * quota / 60
    if asked == '0' or left[i] >= 0.999 then
        full_at = full_at + jobs * 60 / quota
        redis.call('SET', bucket, string.format('%.6f', full_at),
                   'PX', math.ceil((full_at - now) * 1000) + 1000)
    end
    left[i] = string.format('%.6f', left[i])
end
return left
"""


class Budget(Struct, frozen=True):
    """What a service may still ask for: of `quota` jobs a minute, how many are `left`."""

    quota: int
    left: float

    def check(self) -> None:
        """Raise RateLimited if not even one job is left."""
        if self.left < ONE_JOB:
            raise RateLimited(math.ceil((1 - self.left) * MINUTE / self.quota))

    @property
    def headers(self) -> dict[str, str]:
        """Tell it as draft-ietf-httpapi-ratelimit-headers does."""
        left = max(0, math.floor(self.left - ONE_JOB))
        full_in = math.ceil((self.quota - left) * MINUTE / self.quota)
        return {
            "RateLimit-Policy": f'"jobs";q={self.quota};w={MINUTE:.0f}',
            "RateLimit": f'"jobs";r={left};t={full_in}',
        }


class _Take(Struct, frozen=True):
    """Jobs to be taken out of a service's bucket; `asked` means only if there is one left."""

    service_id: int
    quota: int
    jobs: int
    asked: bool


class Quota:
    """Counts the jobs of services that have a quota."""

    def __init__(self, redis: Redis, settings: Settings, clock: Callable[[], float] = time) -> None:
        self._script = redis.register_script(TAKE)
        self._seconds = settings.quota_seconds
        self._clock = clock
        self._full_at: dict[int, float] = {}
        self._local_until = 0.0
        self._batcher = Batcher(self._take)

    async def close(self) -> None:
        """Wait for what is being counted."""
        await self._batcher.close()

    async def admit(self, holder: Holder) -> Budget | None:
        """Count one job of a request, if one is left; None: this service has no quota."""
        quota = holder.jobs_a_minute
        if quota is None:
            return None
        left = await self._batcher.submit(_Take(holder.service_id, quota, 1, asked=True))
        return Budget(quota, left)

    def charge(self, holder: Holder, jobs: int) -> None:
        """Count further jobs of a request that was let in; nobody waits for it."""
        if holder.jobs_a_minute is not None and jobs > 0:
            take = _Take(holder.service_id, holder.jobs_a_minute, jobs, asked=False)
            self._batcher.submit(take)

    async def _take(self, takes: Sequence[_Take]) -> Sequence[float]:
        if self._clock() >= self._local_until:
            try:
                left = await self._take_from_valkey(takes)
                outages.worked(REDIS)
            except (RedisError, OSError, TimeoutError) as error:
                outages.failed(REDIS, error)
                self._local_until = self._clock() + LOCAL_SECONDS
            else:
                return left
        return [self._take_here(take) for take in takes]

    async def _take_from_valkey(self, takes: Sequence[_Take]) -> Sequence[float]:
        keys = [f"darkroom:quota:{take.service_id}" for take in takes]
        args = [value for take in takes for value in (take.quota, take.jobs, int(take.asked))]
        async with asyncio.timeout(self._seconds):
            left = await self._script(keys=keys, args=args)
        return [float(number) for number in left]

    def _take_here(self, take: _Take) -> float:
        """Do what the script does, in this process."""
        now = self._clock()
        full_at = max(now, self._full_at.get(take.service_id, 0.0))
        left = take.quota - (full_at - now) * take.quota / MINUTE
        if not take.asked or left >= ONE_JOB:
            full_at += take.jobs * MINUTE / take.quota
        self._full_at[take.service_id] = full_at
        return left
