"""Processes and their jobs: recorded, shown, retried."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from service.errors import Cancelled
from service.store.database import Connection, Pool, sql
from service.store.deliveries import NewDelivery, Outcome
from service.store.jobs import JobRow

Status = Literal["QUEUED", "PROCESSING", "FINISHED", "FAILED"]
ENDED = {"FINISHED", "FAILED"}
NOW = timedelta(0)


class NewProcess(Struct, frozen=True, kw_only=True):
    """One accepted request, ready to be recorded."""

    id: str
    service_id: int
    priority: int
    request: str
    destinations: Sequence[str]
    traceparent: str | None = None
    request_id: str | None = None
    idempotency_key: str | None = None
    body_hash: bytes = b""


class DeliveryRow(Struct, frozen=True, kw_only=True):
    """One callback as it is recorded."""

    id: str
    status: Outcome
    attempt: int
    tries: int
    last_status: int | None
    last_error: str | None
    due_at: datetime


class ProcessRow(Struct, frozen=True, kw_only=True):
    """One process as it is recorded, with its jobs and its callbacks.

    `cancelling` is True while a running process is still to be stopped.
    """

    id: str
    status: Status
    attempt: int
    created_at: datetime
    updated_at: datetime
    jobs: list[JobRow]
    deliveries: list[DeliveryRow]
    cancelling: bool = False


class Retried(Struct, frozen=True, kw_only=True):
    """A process that a client has sent back, and how many of its jobs run again."""

    id: str
    run: int
    priority: int
    attempt: int
    jobs: int


class WaitingProcess(Struct, frozen=True, kw_only=True):
    """A process that waits: its place in its service and priority, and how much there is to do.

    `more` tells whether others wait behind those that were read, `again` whether it was claimed
    since it was queued, `waited` the seconds since then.
    """

    id: str
    run: int
    service_id: int
    priority: int
    weight: float
    place: int
    waited: float
    again: bool
    more: bool
    jobs: int


MakeCallback = Callable[[ProcessRow, str, str | None, str | None], NewDelivery | None]
"""Makes the callback of a process that has ended: of its request, traceparent, request id."""


class Cancellation(Struct, frozen=True, kw_only=True):
    """A process after it was to be cancelled; `ended` is True if that has ended it."""

    process: ProcessRow
    ended: bool


async def _shown(
    connection: Connection, process_id: str, service_id: int | None
) -> ProcessRow | None:
    row = await connection.fetchrow(sql("get_process"), process_id, service_id)
    if row is None:
        return None
    jobs = await connection.fetch(sql("get_jobs"), row["id"])
    deliveries = await connection.fetch(sql("get_deliveries"), row["id"])
    return ProcessRow(
        **row,
        jobs=[JobRow(**job) for job in jobs],
        deliveries=[DeliveryRow(**delivery) for delivery in deliveries],
    )


class Processes:
    """The processes table and its jobs, as the API and the dispatcher see them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def record(
        self, processes: Sequence[NewProcess], *, grace: timedelta, remember: timedelta
    ) -> set[str]:
        """Record many requests in one statement, queued one after the other.

        Gives the ids that are recorded. A process whose idempotency key was used within
        `remember` is left out. `grace` is how long the dispatch that follows may take before
        it counts as lost.
        """
        return await _insert(self._pool, processes, grace, remember)

    async def record_together(
        self, processes: Sequence[NewProcess], used: NewProcess | None, *, grace: timedelta,
        remember: timedelta,
    ) -> bool:  # fmt: skip
        """Record the processes of one request, all of them or none.

        `used` says with which idempotency key, and in its id with which answer; False is given,
        and nothing recorded, if that was used before.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if used is not None and not await _keep_key(connection, used, remember):
                return False
            await _insert(connection, processes, grace, remember)
            return True

    async def first_answer(self, service_id: int, key: str) -> tuple[bytes, str] | None:
        """Return the body's hash and the process of an idempotency key used before."""
        row = await self._pool.fetchrow(sql("get_idempotency_key"), service_id, key)
        return None if row is None else (row["body_hash"], row["process_id"])

    async def forget_keys(self, older_than: timedelta, most: int) -> int:
        """Drop idempotency keys that no longer count, at most so many; returns how many."""
        return len(await self._pool.fetch(sql("forget_idempotency_keys"), older_than, most))

    async def get(self, process_id: str, service_id: int | None) -> ProcessRow | None:
        """Return a process, or None: another service's does not exist; without a service, any."""
        async with self._pool.acquire() as connection:
            return await _shown(connection, process_id, service_id)

    async def retry(
        self,
        process_ids: Sequence[str],
        service_id: int,
        *,
        everything: bool,
        grace: timedelta,
        new_source: bool = False,
    ) -> tuple[dict[str, Status], list[Retried]]:
        """Queue again what has ended and has jobs to run, in the order of the ids.

        `new_source` forgets which versions of their inputs they were made of. Returns the statuses
        found, and the processes now queued.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(sql("lock_for_retry"), process_ids, service_id)
            found = {row["id"]: row["status"] for row in rows}
            wanted = ENDED if everything else {"FAILED"}
            again = [id_ for id_ in process_ids if found.get(id_) in wanted]
            await connection.execute(sql("reset_jobs"), again, everything)
            rows = await connection.fetch(sql("retry_processes"), again, grace, new_source)
        retried = {row["id"]: Retried(**row) for row in rows}
        return found, [retried[id_] for id_ in again if id_ in retried]

    async def cancel_process(
        self, process_id: str, service_id: int | None, make_callback: MakeCallback
    ) -> Cancellation | None:
        """End a process that waits, or have its worker stop it; one that has ended stays as it is.

        None if there is none: another service's does not exist. Without a service it is any
        process.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            found = await connection.fetchrow(sql("request_cancel"), process_id, service_id)
            ended = found is not None and found["ended"]
            if found is not None and ended:
                error = Cancelled()
                await connection.execute(sql("cancel_jobs"), process_id, error.code, error.message)
                row = await _shown(connection, process_id, service_id)
                told = found["request"], found["traceparent"], found["request_id"]
                callback = row and make_callback(row, *told)
                if callback:
                    added = msgspec.structs.astuple(callback)
                    await connection.execute(sql("add_delivery"), *added)
            process = await _shown(connection, process_id, service_id)
            return None if process is None else Cancellation(process=process, ended=ended)

    async def waiting(self, most: int, early: timedelta = NOW) -> list[WaitingProcess]:
        """Return what nobody has claimed in time: a fair part of each service and priority.

        It is read, not taken. One of each is given though they are more than `most`, and one
        beyond the part of each. What was never claimed is given so much `early`.
        """
        rows = await self._pool.fetch(sql("waiting"), most, early)
        return [WaitingProcess(**row) for row in rows]

    async def purge(self, older_than: timedelta, most: int) -> int:
        """Forget processes that ended so long ago, at most so many; returns how many."""
        return len(await self._pool.fetch(sql("purge"), older_than, most))


async def _keep_key(connection: Connection, used: NewProcess, remember: timedelta) -> bool:
    """Keep an idempotency key; False if it was used before."""
    row = await connection.fetchrow(
        sql("keep_idempotency_key"),
        used.service_id,
        used.idempotency_key,
        used.body_hash,
        used.id,
        remember,
    )
    return row is not None


async def _insert(
    where: "Pool | Connection",
    processes: Sequence[NewProcess],
    grace: timedelta,
    remember: timedelta,
) -> set[str]:
    rows = await where.fetch(
        sql("record_processes"),
        [process.id for process in processes],
        [process.service_id for process in processes],
        [process.priority for process in processes],
        [process.request for process in processes],
        [process.traceparent for process in processes],
        [process.idempotency_key for process in processes],
        [process.body_hash for process in processes],
        remember,
        grace,
        [process.id for process in processes for _ in process.destinations],
        [index for process in processes for index in range(len(process.destinations))],
        [name for process in processes for name in process.destinations],
        [process.request_id for process in processes],
    )
    return {row["id"] for row in rows}
