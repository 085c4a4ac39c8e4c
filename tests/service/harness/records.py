"""Rows for tests, made without the API."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal

from engine.errors import DarkroomError
from service.errors import LeaseLost, SourceNotFound
from service.ids import new_process_id
from service.store import (
    Claim,
    End,
    Entry,
    JobResult,
    NewDelivery,
    NewProcess,
    ProcessRow,
    Store,
)
from tests.service.harness.tenants import Tenant, raw_json

SOON = timedelta(seconds=5)
DAY = timedelta(hours=24)
LEASE = timedelta(seconds=30)
NO_TIME = timedelta(0)


def new_process(tenant: Tenant, *destinations: str, **fields: Any) -> NewProcess:
    destinations = destinations or ("a.png", "b.png", "c.png")
    return NewProcess(
        **{
            "id": new_process_id(),
            "service_id": tenant.service_id,
            "priority": 0,
            "request": raw_json(tenant.body(*destinations)).decode(),
            "destinations": destinations,
            **fields,
        }
    )


async def record(store: Store, *processes: NewProcess, remember: timedelta = DAY) -> set[str]:
    return set(await store.processes.record(processes, grace=SOON, remember=remember))


async def recorded(store: Store, tenant: Tenant, *destinations: str, **fields: Any) -> str:
    """Record one process; returns its id."""
    process = new_process(tenant, *destinations, **fields)
    assert await record(store, process) == {process.id}
    return process.id


async def claimed(store: Store, process_id: str, worker: str = "w") -> Claim:
    [claim] = await store.leases.claim([process_id], worker, LEASE)
    return claim


async def claimed_new(store: Store, tenant: Tenant, *destinations: str) -> Claim:
    return await claimed(store, await recorded(store, tenant, *destinations))


async def shown(store: Store, tenant: Tenant, process_id: str) -> ProcessRow:
    row = await store.processes.get(process_id, tenant.service_id)
    assert row is not None
    return row


async def set_row(store: Store, process_id: str, **columns: Any) -> None:
    """Let time pass, or something else happen, to one process: SQL for each column."""
    changes = ", ".join(f"{name} = {value}" for name, value in columns.items())
    await store.pool.execute(f"UPDATE processes SET {changes} WHERE id = $1", process_id)


async def let_lease_expire(store: Store, process_id: str) -> None:
    await set_row(store, process_id, lease_until="now() - interval '1 second'")


async def lose(store: Store, claim: Claim) -> None:
    """Take a process away from its worker, as from one that is dead or stalled."""
    await let_lease_expire(store, claim.id)
    await store.leases.reap(1)


async def field(store: Store, process_id: str, column: str) -> Any:
    return await store.pool.fetchval(f"SELECT {column} FROM processes WHERE id = $1", process_id)


async def waits_for_a_lock(store: Store) -> bool:
    """Whether a statement waits for what another transaction holds."""
    return bool(await store.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


def done(*positions: int) -> list[JobResult]:
    """Return results of jobs that went well."""
    return [
        JobResult(
            position=position, status="DONE", format="png", width=16, height=12, bytes=9,
            sha256="ab" * 32, milliseconds=1,
        )
        for position in positions
    ]  # fmt: skip


def failed(positions: Iterable[int], error: DarkroomError) -> list[JobResult]:
    """Return results of jobs that did not."""
    return [
        JobResult(position=p, status="FAILED", error_code=error.code, error_message=error.message)
        for p in positions
    ]


async def write(
    store: Store, claim: Claim, results: Sequence[JobResult] = (), end: End | None = None
) -> float:
    """Record as the claim's worker; gives the seconds since it was queued, or raises LeaseLost."""
    entry = Entry(claim=claim, results=results, end=end)
    took = await store.leases.record([entry], SOON)
    if claim.id not in took:
        raise LeaseLost("no longer ours")
    return took[claim.id]


def ending(
    claim: Claim,
    status: Literal["FINISHED", "FAILED", "QUEUED"] = "FINISHED",
    callback: NewDelivery | None = None,
    **fields: Any,
) -> End:
    """Make the end of a claim, at the moment at which it began."""
    return End(status=status, updated_at=claim.claimed_at, callback=callback, **fields)


async def end(store: Store, claim: Claim, *, failing: bool = False) -> None:
    """Finish every job of a claim (or fail them) and settle it."""
    if failing:
        results = failed(claim.pending, SourceNotFound("not there"))
        await write(store, claim, results, ending(claim, "FAILED"))
    else:
        await write(store, claim, done(*claim.pending), ending(claim))
