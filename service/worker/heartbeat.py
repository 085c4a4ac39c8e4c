"""Keeps this worker's leases alive, and stops work whose lease is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import time

import structlog

from service.errors import LeaseLost
from service.metrics import Metrics
from service.store import UNAVAILABLE, Claim, Leases

log = structlog.get_logger(__name__)


class _Held:
    """A claim, the task that works on it, and whether it was lost."""

    def __init__(self, claim: Claim, task: "asyncio.Task[object]") -> None:
        self.claim = claim
        self.task = task
        self.lost = False


class Heartbeat:
    """Renews every held lease three times before it would run out."""

    def __init__(self, leases: Leases, lease_seconds: float, metrics: Metrics) -> None:
        self._leases = leases
        self._lease = timedelta(seconds=lease_seconds)
        self._metrics = metrics
        self._held: dict[tuple[str, int], _Held] = {}

    @asynccontextmanager
    async def hold(self, claim: Claim) -> AsyncIterator[None]:
        """Keep a claim's lease while the body runs; LeaseLost interrupts the body."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        held = self._held[claim.id, claim.run] = _Held(claim, task)
        self._metrics.in_flight.set(len(self._held))
        try:
            yield
        except asyncio.CancelledError:
            if held.lost:
                task.uncancel()
                raise LeaseLost("the lease ran out") from None
            raise
        finally:
            del self._held[claim.id, claim.run]
            self._metrics.in_flight.set(len(self._held))

    async def run(self) -> None:
        """Beat for ever; a Postgres that is away is waited out."""
        pause = self._lease.total_seconds() / 3
        while True:
            try:
                async with asyncio.timeout(pause):  # a beat that hangs must not cost the next
                    await self.beat()
            except UNAVAILABLE as error:
                log.warning("heartbeat_failed", error=repr(error))
            await asyncio.sleep(pause)

    async def beat(self) -> None:
        """Renew all leases once, and interrupt the work on those that are gone."""
        held = list(self._held.values())
        if held:
            ours = await self._leases.renew([item.claim for item in held], self._lease)
            for item in held:
                if item.claim.id not in ours and (item.claim.id, item.claim.run) in self._held:
                    item.lost = True
                    item.task.cancel()
        self._metrics.heartbeat.set(time())
