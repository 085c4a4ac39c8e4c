"""Counts the processes and callbacks that wait or run."""

from collections.abc import Mapping

from msgspec import Struct

from service.store.database import Pool, sql

COUNTED = 10_000


class QueueDepth(Struct, frozen=True, kw_only=True):
    """How many there are, and the age of the oldest in seconds, 0 if there is none.

    Of more than COUNTED both are estimates.
    """

    count: int
    oldest: float


class Backlog(Struct, frozen=True, kw_only=True):
    """Processes by state, QUEUED or PROCESSING, and callbacks that are not yet delivered."""

    processes: Mapping[str, QueueDepth]
    callbacks: QueueDepth


class Backlogs:
    """Counts over the tables of processes and deliveries."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self) -> Backlog:
        """Count all of it, in one statement."""
        rows = await self._pool.fetch(sql("count_backlog"), COUNTED)
        found = {row["state"]: QueueDepth(count=row["count"], oldest=row["oldest"]) for row in rows}
        callbacks = found.pop("CALLBACK")
        return Backlog(processes=found, callbacks=callbacks)

    async def of_services(self, most: int) -> list[tuple[int, int]]:
        """Return the services with the most queued processes, and how many each has."""
        rows = await self._pool.fetch(sql("count_backlog_of_services"), most)
        return [(row["service_id"], row["count"]) for row in rows]
