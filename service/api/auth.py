"""Who asks: bearer tokens, looked up by their SHA-256, and how often they may ask."""

import math
from collections.abc import Callable
from time import monotonic

from service.errors import Forbidden, RateLimited, Unauthorized
from service.ids import token_hash
from service.store import Holder, Services

MOST_REMEMBERED = 10_000


class Authenticator:
    """Tells whose a token is; remembers the answer for a few seconds."""

    def __init__(
        self, services: Services, remember: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._services = services
        self._remember = remember
        self._clock = clock
        self._known: dict[bytes, tuple[float, Holder]] = {}

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
        # found by the hash of 256 random bits: how long it takes tells nothing of the token
        until, holder = self._known.get(digest, (0.0, None))
        if holder is not None and self._clock() < until:
            return holder
        holder = await self._services.holder(digest)
        if holder is None:
            raise Unauthorized
        if holder.disabled:  # asked again each time, so that enabling works at once
            return holder
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (self._clock() + self._remember, holder)
        return holder


class RateLimiter:
    """A token bucket for each service, as deep as a minute's quota.

    It lives in this process: with N API processes a service may ask N times its quota.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}

    def check(self, holder: Holder) -> None:
        """Count one request; raises RateLimited, which says when to come again."""
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
