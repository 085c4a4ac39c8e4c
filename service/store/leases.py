"""Leases: which worker has a process. Every write of a worker is fenced by its run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from service.store.database import Pool, sql
from service.store.deliveries import NewDelivery
from service.store.jobs import JobOutcome, JobResult


class Claim(Struct, frozen=True, kw_only=True):
    """A process that this worker holds; `run` is the fencing token.

    `destinations` are those of all jobs, `pending` the positions of those still to be done,
    `ended` what became of the others, `waited` the seconds since it was queued, `in_place` what
    the run before has kept about inputs that are overwritten.
    """

    id: str
    service_id: int
    run: int
    attempt: int
    errors: int
    crashes: int
    priority: int
    request: str
    traceparent: str | None
    request_id: str | None
    created_at: datetime
    claimed_at: datetime
    cancel_requested: bool
    in_place: str | None
    waited: float
    destinations: Sequence[str]
    pending: Sequence[int]
    ended: Sequence[JobResult]


class End(Struct, frozen=True, kw_only=True):
    """How a worker lets go of a process: ended, with its callback, or back to the queue.

    `errors` is 1 for a transient error that counts, `due_after` how long it waits then.
    """

    status: Literal["FINISHED", "FAILED", "QUEUED"]
    updated_at: datetime
    callback: NewDelivery | None = None
    errors: int = 0
    due_after: timedelta = timedelta(0)


class Entry(Struct, frozen=True, kw_only=True):
    """What is to be recorded of one process; without an `end` it goes on."""

    claim: Claim
    results: Sequence[JobResult] = ()
    end: End | None = None


class Leases:
    """The processes table as a worker sees it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, ids: Sequence[str], worker: str, lease: timedelta) -> list[Claim]:
        """Take those of these processes that are queued."""
        rows = await self._pool.fetch(sql("claim"), ids, worker, lease)
        return [
            Claim(**(dict(row) | {"pending": row["pending"] or (), "ended": _ended(row["ended"])}))
            for row in rows
        ]

    async def renew(self, held: Sequence[Claim], lease: timedelta) -> dict[str, bool]:
        """Keep leases alive; returns the ids that are still ours, and whether to cancel them."""
        ids, runs = [claim.id for claim in held], [claim.run for claim in held]
        rows = await self._pool.fetch(sql("renew_leases"), ids, runs, lease)
        return {row["id"]: row["cancel_requested"] for row in rows}

    async def record(self, entries: Sequence[Entry], grace: timedelta) -> dict[str, float]:
        """Record results and ends, each process at most once, in one statement.

        Gives the ids of the processes that were still ours, and the seconds since each was
        queued; nothing is written of the others. `grace` is how long a callback's dispatch
        may take before it counts as lost.
        """
        ends = [entry.end or _GOES_ON for entry in entries]
        results = [(entry.claim.id, result) for entry in entries for result in entry.results]
        callbacks = [entry.end.callback for entry in entries if entry.end and entry.end.callback]
        rows = await self._pool.fetch(
            sql("record"),
            [entry.claim.id for entry in entries],
            [entry.claim.run for entry in entries],
            [end.status for end in ends],
            [end.errors for end in ends],
            [end.due_after for end in ends],
            [end.updated_at for end in ends],
            [process_id for process_id, _ in results],
            *([getattr(result, name) for _, result in results] for name in _RESULT),
            *([getattr(callback, name) for callback in callbacks] for name in _CALLBACK),
            grace,
        )
        return {row["id"]: row["took"] for row in rows}

    async def keep_in_place(self, claim: Claim, text: str) -> bool:
        """Leave a text to later runs of a process; False if it is not ours any more."""
        return bool(await self._pool.fetchval(sql("keep_in_place"), claim.id, claim.run, text))

    async def reap(self, most: int) -> list[str]:
        """Queue again what dead or stalled workers held; returns the ids."""
        return [row["id"] for row in await self._pool.fetch(sql("reap"), most)]


class _GoesOn(Struct, frozen=True):
    status: str = "PROCESSING"
    errors: int = 0
    due_after: timedelta = timedelta(0)
    updated_at: datetime | None = None


_GOES_ON = _GoesOn()
_RESULT = ("position", "status", *JobOutcome.__struct_fields__)
_CALLBACK = NewDelivery.__struct_fields__
_results = msgspec.json.Decoder(list[JobResult])


def _ended(text: str | None) -> Sequence[JobResult]:
    return () if text is None else _results.decode(text)
