"""Dispatches recorded processes through Redis, many in one round trip."""

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
        self._cancels = Batcher(self._tell, most=MOST, pace=lambda: PACE_SECONDS)

    def dispatch(self, dispatch: Dispatch) -> None:
        """Dispatch soon, or leave it to the reconciler when Redis is unavailable."""
        if self._batcher.waiting < MOST_WAITING:
            self._batcher.submit(dispatch)

    def tell_cancelled(self, id_: str) -> None:
        """Tell the workers soon that a running process was cancelled.

        When Redis is unavailable, its worker sees that when it renews its lease.
        """
        if self._cancels.waiting < MOST_WAITING:
            self._cancels.submit(id_)

    async def close(self) -> None:
        """Wait for the dispatches under way."""
        await self._batcher.close()
        await self._cancels.close()

    async def _send(self, dispatches: Sequence[Dispatch]) -> Sequence[None]:
        try:
            await self._queue.dispatch(dispatches)
            outages.worked(REDIS)
        except (RedisError, OSError) as error:
            outages.failed(REDIS, error)
        failpoints.reach("dispatch.after")
        return [None] * len(dispatches)

    async def _tell(self, ids: Sequence[str]) -> Sequence[None]:
        try:
            await self._queue.tell_cancelled(ids)
            outages.worked(REDIS)
        except (RedisError, OSError) as error:
            outages.failed(REDIS, error)
        return [None] * len(ids)
