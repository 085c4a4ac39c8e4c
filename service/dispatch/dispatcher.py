"""Hands what was just recorded to Redis, many dispatches in one round trip."""

from collections.abc import Sequence

from redis.exceptions import RedisError

from service import failpoints
from service.dispatch.batching import Batcher
from service.dispatch.queue import Dispatch, Queue
from service.outages import REDIS, outages

MOST = 1000  # dispatches in a round trip
MOST_WAITING = 10_000  # for a Redis that hangs; what comes then is left to the reconciler
PACE_SECONDS = 0.005  # under load a round trip costs more than the wait for company


class Dispatcher:
    """Sends names to a queue, many in one round trip."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._batcher = Batcher(self._send, most=MOST, pace=lambda: PACE_SECONDS)

    def dispatch(self, dispatch: Dispatch) -> None:
        """Dispatch soon, or leave it to the reconciler when Redis is unavailable."""
        if self._batcher.waiting < MOST_WAITING:
            self._batcher.submit(dispatch)

    async def close(self) -> None:
        """Wait for the dispatches under way."""
        await self._batcher.close()

    async def _send(self, dispatches: Sequence[Dispatch]) -> Sequence[None]:
        try:
            await self._queue.dispatch(dispatches)
            outages.worked(REDIS)
        except (RedisError, OSError) as error:
            outages.failed(REDIS, error)
        failpoints.reach("dispatch.after")
        return [None] * len(dispatches)
