"""Keeps Redis in step with Postgres: finds what was lost, or held by dead workers.

Any number of reconcilers may run at once: each row is taken by one.
"""

import asyncio
from datetime import timedelta
from time import monotonic

import structlog
from redis.exceptions import RedisError

from service.dispatch.queue import Dispatch, Queue, flow_of
from service.dispatch.refill import Refill
from service.metrics import Metrics
from service.outages import POSTGRES, REDIS, outages
from service.settings import Settings
from service.store import UNAVAILABLE, Due, Store

MOST = 1000  # rows taken at once
TURN = 0.9  # of the time between two rounds: then it is somebody's turn again
SWEEP_SECONDS = 3600.0
MOST_PURGED = 200  # processes in one statement, each with all its jobs
BATCH_PAUSE_SECONDS = 0.1  # between two batches

log = structlog.get_logger(__name__)


class Reconciler:
    """Looks into Postgres every second for what is not where it should be."""

    def __init__(
        self,
        store: Store,
        renders: Refill,
        callbacks: Queue,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._renders = renders
        self._callbacks = callbacks
        self._settings = settings
        self._metrics = metrics
        self._reap_from = 0.0
        self._again = timedelta(seconds=settings.redispatch_seconds)

    async def keep_records(self) -> None:
        """Take back forever; needs Postgres alone, and waits for it."""
        while True:
            try:
                await self.tend_records()
                outages.worked(POSTGRES)
            except UNAVAILABLE as error:
                outages.failed(POSTGRES, error)
                self._spare_leases()
            await asyncio.sleep(self._settings.reconcile_seconds)

    async def keep_queues(self) -> None:
        """Dispatch again forever, in turn with all other reconcilers.

        A Redis that is unavailable, full or hangs delays nothing else.
        """
        turn = TURN * self._settings.reconcile_seconds
        while True:
            try:
                if await self._callbacks.take_turn("reconcile", turn):
                    await self.tend_queues()
            except (RedisError, *UNAVAILABLE) as error:
                outages.failed(REDIS if isinstance(error, RedisError) else POSTGRES, error)
            await asyncio.sleep(self._settings.reconcile_seconds)

    async def keep_swept(self) -> None:
        """Forget what is old forever, a batch at a time; nothing else waits for it."""
        while True:
            pause = BATCH_PAUSE_SECONDS
            try:
                if not await self.sweep():
                    pause = SWEEP_SECONDS
            except UNAVAILABLE as error:
                log.warning("sweep_failed", error=repr(error))
                pause = self._settings.reconcile_seconds
            await asyncio.sleep(pause)

    def _spare_leases(self) -> None:
        """Reap nothing until every worker had a chance to renew: Postgres was away for all.

        They try much more often than once in a third of a lease while it is.
        """
        self._reap_from = monotonic() + self._settings.lease_seconds / 3

    async def tend_records(self) -> None:
        """Take back what dead workers held, once."""
        if monotonic() < self._reap_from:
            return
        for process_id in await self._store.leases.reap(MOST):
            log.warning("lease_expired", process_id=process_id)
            self._metrics.leases_expired.inc()

    async def tend_queues(self) -> None:
        """Dispatch what waits for too long, once."""
        await self._renders.refill()
        await self._dispatch_callbacks()

    async def sweep(self) -> bool:
        """Forget a batch of what is too old: idempotency keys, ended processes, crashes of sources.

        Tells whether there may be more.
        """
        keys = timedelta(hours=self._settings.idempotency_hours)
        more = await self._store.processes.forget_keys(keys, MOST) == MOST
        crashes = timedelta(hours=self._settings.source_quarantine_hours)
        await self._store.quarantine.forget(crashes)
        if self._settings.retention_days:
            kept = timedelta(days=self._settings.retention_days)
            more |= await self._store.processes.purge(kept, MOST_PURGED) == MOST_PURGED
        return more

    async def _dispatch_callbacks(self) -> None:
        spilled = await self._callbacks.spilled()
        due = await self._store.deliveries.due(MOST)
        more = {flow_of(0, each.service_id): len(due) == MOST for each in due}
        if due or spilled:
            await self._callbacks.refill([dispatch_of(each) for each in due], more, spilled)
            await self._store.deliveries.defer_dispatched(due, self._again)
            self._metrics.reconciled.labels("callback").inc(len(due))


def dispatch_of(due: Due) -> Dispatch:
    """Name the dispatch of a callback."""
    return Dispatch(due.id, due.tries, service_id=due.service_id)
