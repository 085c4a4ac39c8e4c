"""Authentication by bearer tokens."""

from collections.abc import Callable
from time import monotonic

from service.errors import Forbidden, Unauthorized
from service.ids import token_hash
from service.metrics import Metrics
from service.store import Holder, Services

MAX_CACHED_TOKENS = 10_000


class Authenticator:
    """Finds the service of a token; caches it for `seconds`."""

    def __init__(
        self,
        services: Services,
        seconds: float,
        metrics: Metrics,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._services = services
        self._seconds = seconds
        self._metrics = metrics
        self._clock = clock
        self._cache: dict[bytes, tuple[float, Holder]] = {}

    async def holder(self, authorization: str | None) -> Holder:
        """Return the service of an Authorization header; raises Unauthorized or Forbidden."""
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
            self._metrics.looked_up("tokens", hits=1)
            return holder
        self._metrics.looked_up("tokens", misses=1)
        holder = await self._services.holder(digest)
        if holder is None:
            raise Unauthorized
        if holder.disabled:  # not cached, so that enabling takes effect at once
            return holder
        if len(self._cache) >= MAX_CACHED_TOKENS:
            self._cache.clear()
        self._cache[digest] = (self._clock() + self._seconds, holder)
        return holder
