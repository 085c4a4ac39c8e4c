"""Keeps this worker's leases alive, and stops work whose lease is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import time

import structlog

from service.errors import LeaseLost
from service.metrics import Metrics
from service.store import UNAVAILABLE, Leases
from service.worker.lease import Lease, clock

log = structlog.get_logger(__name__)


class Heartbeat:
    """Renews every held lease three times before it would run out."""

    def __init__(self, leases: Leases, lease_seconds: float, metrics: Metrics) -> None:
        self._leases = leases
        self._seconds = timedelta(seconds=lease_seconds)
        self._metrics = metrics
        self._held: dict[Lease, asyncio.Task[object]] = {}
        self._lost: set[Lease] = set()

    @asynccontextmanager
    async def hold(self, lease: Lease) -> AsyncIterator[None]:
        """Keep a lease alive while the body runs; LeaseLost interrupts the body."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._held[lease] = task
        self._metrics.in_flight.set(len(self._held))
        try:
            yield
        except asyncio.CancelledError:
            if lease in self._lost:
                task.uncancel()
                raise LeaseLost("the lease ran out") from None
            raise
        finally:
            del self._held[lease]
            self._lost.discard(lease)
            self._metrics.in_flight.set(len(self._held))

    def lose(self, lease: Lease) -> None:
        """Interrupt the work on a process that is no longer ours."""
        if lease in self._held and lease not in self._lost:
            self._lost.add(lease)
            self._held[lease].cancel()

    async def run(self) -> None:
        """Beat for ever; an unavailable Postgres is waited out."""
        pause = self._seconds.total_seconds() / 3
        while True:
            try:
                async with asyncio.timeout(pause):  # a beat that hangs must not cost the next
                    await self.beat()
            except UNAVAILABLE as error:
                log.warning("heartbeat_failed", error=repr(error))
            await asyncio.sleep(pause)

    async def beat(self) -> None:
        """Renew all leases once, and interrupt the work on those that are gone."""
        held, asked = list(self._held), clock()
        if held:
            ours = await self._leases.renew([lease.claim for lease in held], self._seconds)
            for lease in held:
                if lease.claim.id in ours:
                    lease.renew(asked)
                else:
                    self.lose(lease)
        self._metrics.heartbeat.set(time())
