"""Renews this worker's leases, and stops work that is lost, cancelled or stuck."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from time import time

import structlog

from service.errors import Cancelled, DarkroomError, LeaseLost, Stalled
from service.metrics import Metrics
from service.outages import POSTGRES, outages
from service.store import UNAVAILABLE, Leases
from service.worker.lease import Lease, clock

BEATS = 3  # in a lease
TRIES = 10  # in the time of a beat, while Postgres is unavailable
TOGETHER_SECONDS = 0.05  # what is cancelled so soon after another is looked at with it

log = structlog.get_logger(__name__)


class _Held:
    """The work on a process: its task, and why it is to be interrupted, if it is."""

    def __init__(self, task: "asyncio.Task[object]") -> None:
        self.task = task
        self.reason: DarkroomError | None = None
        self.interrupted = False
        self.finishing = False


class Heartbeat:
    """Renews every held lease three times before it would run out.

    While Postgres is unavailable it tries ten times as often, to renew in time once it is back.
    A process with which nothing happens for `stall_seconds` is not renewed but given up.
    """

    def __init__(
        self,
        leases: Leases,
        lease_seconds: float,
        metrics: Metrics,
        stall_seconds: float = math.inf,
    ) -> None:
        self._leases = leases
        self._seconds = timedelta(seconds=lease_seconds)
        self._stall_seconds = stall_seconds
        self._metrics = metrics
        self._held: dict[Lease, _Held] = {}
        self._soon = asyncio.Event()

    @asynccontextmanager
    async def hold(self, lease: Lease) -> AsyncIterator[None]:
        """Keep a lease alive while the body runs.

        LeaseLost, Cancelled or Stalled interrupts the body.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        held = self._held[lease] = _Held(task)
        self._metrics.in_flight.set(len(self._held))
        try:
            yield
        except asyncio.CancelledError:
            if held.interrupted and held.reason is not None:
                task.uncancel()
                raise held.reason from None
            raise
        finally:
            del self._held[lease]
            self._metrics.in_flight.set(len(self._held))

    @contextmanager
    def finishing(self, lease: Lease) -> Iterator[None]:
        """Let the body end before Cancelled is raised, so that what it stores is recorded too."""
        held = self._held[lease]
        held.finishing = True
        try:
            yield
        finally:
            held.finishing = False
        if held.reason is not None:
            raise held.reason

    def lose(self, lease: Lease) -> None:
        """Interrupt the work on a process that is no longer ours."""
        self._interrupt(lease, LeaseLost("the lease ran out"))

    def beat_soon(self, ids: Sequence[str]) -> None:
        """Beat now if one of these processes is held: somebody says that it was cancelled."""
        if not {lease.claim.id for lease in self._held}.isdisjoint(ids):
            self._soon.set()

    async def run(self) -> None:
        """Beat forever; an unavailable Postgres is waited out."""
        between = self._seconds.total_seconds() / BEATS
        while True:
            pause = between
            try:
                async with asyncio.timeout(between):  # a beat that hangs must not cost the next
                    await self.beat()
                outages.worked(POSTGRES)
            except UNAVAILABLE as error:
                outages.failed(POSTGRES, error)
                pause /= TRIES
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._soon.wait()
                    await asyncio.sleep(TOGETHER_SECONDS)
            self._soon.clear()

    async def beat(self) -> None:
        """Renew all leases once, and interrupt the work on those that are gone or cancelled."""
        self._give_up_stalled()
        held, asked = list(self._held), clock()
        if held:
            ours = await self._leases.renew([lease.claim for lease in held], self._seconds)
            for lease in held:
                if lease.claim.id not in ours:
                    self.lose(lease)
                    continue
                lease.renew(asked)
                if ours[lease.claim.id]:
                    self._interrupt(lease, Cancelled())
        self._metrics.heartbeat.set(time())

    def _give_up_stalled(self) -> None:
        for lease in self._held:
            if lease.idle_seconds > self._stall_seconds:
                log.error("stalled", process_id=lease.claim.id, seconds=round(lease.idle_seconds))
                self._interrupt(lease, Stalled(self._stall_seconds))

    def _interrupt(self, lease: Lease, reason: DarkroomError) -> None:
        held = self._held.get(lease)
        if held is None or held.interrupted:
            return
        held.reason = reason
        if isinstance(reason, Cancelled) and held.finishing:
            return
        held.interrupted = True
        held.task.cancel()
