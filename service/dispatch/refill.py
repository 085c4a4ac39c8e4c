"""Refills the queue from Postgres: a fair share of what each service has waiting."""

from collections.abc import Sequence
from datetime import timedelta

from service import priorities
from service.dispatch.queue import Dispatch, Queue, flow_of
from service.metrics import Metrics
from service.settings import Settings
from service.store import Processes, WaitingProcess

MOST = 1000  # rows that are read at once
RAISED = 8  # processes of a flow that are raised at once: others of higher priority go on too
NOW = timedelta(0)
SHORTEST_SECONDS = 0.1  # from one refill that is asked for to the next, of all workers


class Refill:
    """Reads what waits in Postgres, at most so much at once, and asserts it.

    A process that has waited for long is asserted with a higher priority.
    """

    def __init__(
        self, processes: Processes, queue: Queue, settings: Settings, metrics: Metrics
    ) -> None:
        self._processes = processes
        self._queue = queue
        self._age = settings.priority_age_seconds
        self._grace = timedelta(seconds=settings.dispatch_grace_seconds)
        self._metrics = metrics

    async def refill(self) -> None:
        """Refill the queue."""
        spilled = await self._queue.spilled()
        rows = await self._processes.waiting(MOST, self._grace if spilled else NOW)
        more = {flow_of(row.priority, row.service_id): row.more for row in rows}
        if rows or spilled:
            added = await self._queue.refill(self._dispatches(rows), more, spilled)
            self._metrics.reconciled.labels("process").inc(added)

    async def refill_soon(self) -> None:
        """Refill the queue, unless somebody has done so a moment ago."""
        if await self._queue.take_turn("refill", SHORTEST_SECONDS):
            await self.refill()

    async def overdue(self, most: int) -> Sequence[Dispatch]:
        """Return the first of what waits, for whoever takes it without the queue."""
        found = self._dispatches(await self._processes.waiting(most))[:most]
        self._metrics.reconciled.labels("direct").inc(len(found))
        return found

    def _dispatches(self, rows: Sequence[WaitingProcess]) -> list[Dispatch]:
        return [
            Dispatch(
                row.id,
                row.run,
                self._priority(row),
                service_id=row.service_id,
                cost=row.jobs / row.weight,
                again=row.again,
            )
            for row in rows
        ]

    def _priority(self, row: WaitingProcess) -> int:
        if row.place > RAISED:
            return row.priority
        return min(priorities.HIGHEST, row.priority + int(row.waited / self._age))
