"""Leases: who works on a process now. Every write of a worker is fenced by its run."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from msgspec import Struct

from service.errors import DarkroomError, LeaseLost
from service.store.deliveries import NewDelivery, record_delivery
from service.store.postgres import Pool
from service.store.processes import ProcessRow, read_process
from service.store.queries import sql

T = TypeVar("T")


class Claim(Struct, frozen=True, kw_only=True):
    """A process that this worker holds; `run` is the fencing token.

    `pending` are the positions of the jobs that are still to be done, `waited` the
    seconds since it was queued.
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
    waited: float
    pending: Sequence[int]


class Made(Struct, frozen=True, kw_only=True):
    """What a finished job has put into the storage; `damaged` if its source was."""

    format: str
    width: int
    height: int
    bytes: int
    sha256: str
    milliseconds: int
    damaged: bool | None = None


class Settled(Struct, frozen=True, kw_only=True):
    """How a process ended, and when, in seconds since 1970; `took` is since it was queued."""

    process: ProcessRow
    delivery: NewDelivery | None
    took: float
    ended: float


class Leases:
    """The processes table as a worker sees it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, process_id: str, worker: str, lease: timedelta) -> Claim | None:
        """Take a queued process, or None when it is not there to be taken."""
        row = await self._pool.fetchrow(sql("claim"), process_id, worker, lease)
        return None if row is None else Claim(**row)

    async def renew(self, held: Sequence[Claim], lease: timedelta) -> set[str]:
        """Keep leases alive; gives the ids that are still ours."""
        ids, runs = [claim.id for claim in held], [claim.run for claim in held]
        rows = await self._pool.fetch(sql("renew_leases"), ids, runs, lease)
        return {row["id"] for row in rows}

    async def check(self, claim: Claim) -> None:
        """Raise LeaseLost unless the process is still ours."""
        _ours(await self._pool.fetchval(sql("check_lease"), claim.id, claim.run))

    async def finish_job(self, claim: Claim, position: int, made: Made) -> None:
        """Record a job as done; raises LeaseLost."""
        _ours(
            await self._pool.fetchval(
                sql("finish_job"), claim.id, claim.run, position,
                made.format, made.width, made.height, made.bytes, made.sha256, made.milliseconds,
                made.damaged,
            )
        )  # fmt: skip

    async def fail_jobs(self, claim: Claim, positions: Sequence[int], error: DarkroomError) -> None:
        """Record jobs as failed; raises LeaseLost."""
        words = error.message.replace("\0", "")
        _ours(
            await self._pool.fetchval(
                sql("fail_jobs"), claim.id, claim.run, positions, error.code, words
            )
        )

    async def give_back(
        self, claim: Claim, *, after: timedelta = timedelta(0), counted: bool
    ) -> None:
        """Queue a process again: after a drain, or (`counted`) after an error that may pass."""
        _ours(await self._pool.fetchval(sql("give_back"), claim.id, claim.run, int(counted), after))

    async def settle(
        self,
        claim: Claim,
        callback: Callable[[ProcessRow], NewDelivery | None],
        grace: timedelta,
    ) -> Settled:
        """End a process and record its callback in one transaction; raises LeaseLost.

        `callback` makes the delivery of the process as it ended, or None; `grace` is how
        long its dispatch may take before it counts as lost.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            end = _ours(await connection.fetchrow(sql("settle"), claim.id, claim.run))
            process = await read_process(connection, claim.id)
            delivery = callback(process)
            if delivery is not None:
                await record_delivery(connection, delivery, grace)
        return Settled(process=process, delivery=delivery, **end)

    async def reap(self, most: int) -> list[str]:
        """Queue again what dead or stalled workers held; gives the ids."""
        return [row["id"] for row in await self._pool.fetch(sql("reap"), most)]


def _ours(answer: T | None) -> T:
    if answer is None:
        raise LeaseLost("the process is no longer ours")
    return answer
