"""Authentication by bearer tokens, and rate limiting."""

import math
from collections.abc import Callable
from time import monotonic

from service.errors import Forbidden, RateLimited, Unauthorized
from service.ids import token_hash
from service.store import Holder, Services

MAX_CACHED_TOKENS = 10_000


class Authenticator:
    """Finds the service of a token; caches it for `seconds`."""

    def __init__(
        self, services: Services, seconds: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._services = services
        self._seconds = seconds
        self._clock = clock
        self._cache: dict[bytes, tuple[float, Holder]] = {}

    async def holder(self, authorization: str | None) -> Holder:
        """Give the service of an Authorization header; raises Unauthorized or Forbidden."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized
        holder = await self._look_up(token_hash(token.strip()))
        if holder.disabled:
            raise Forbidden("This service is disabled")
        return holder

    async def _look_up(self, digest: bytes) -> Holder:
        # looked up by the hash of 256 random bits: its timing reveals nothing about the token
        until, holder = self._cache.get(digest, (0.0, None))
        if holder is not None and self._clock() < until:
            return holder
        holder = await self._services.holder(digest)
        if holder is None:
            raise Unauthorized
        if holder.disabled:  # not cached, so that enabling takes effect at once
            return holder
        if len(self._cache) >= MAX_CACHED_TOKENS:
            self._cache.clear()
        self._cache[digest] = (self._clock() + self._seconds, holder)
        return holder


class RateLimiter:
    """A token bucket for each service, of the size of a minute's quota.

    Each API counts separately: with N of them a service may send N times its quota.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}

    def check(self, holder: Holder) -> None:
        """Count one request; raises RateLimited with the time to wait."""
        if holder.requests_a_minute is None:
            return
        quota = float(holder.requests_a_minute)
        now = self._clock()
        left, seen = self._buckets.get(holder.service_id, (quota, now))
        left = min(quota, left + (now - seen) * quota / 60)
        if left < 1:
            self._buckets[holder.service_id] = (left, now)
            raise RateLimited(retry_after=math.ceil((1 - left) * 60 / quota))
        self._buckets[holder.service_id] = (left - 1, now)
