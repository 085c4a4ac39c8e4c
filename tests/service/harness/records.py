"""Rows for tests, made without the API."""

from datetime import timedelta
from typing import Any

from service.errors import SourceNotFound
from service.ids import new_process_id
from service.store import Claim, Made, NewProcess, ProcessRow, Store
from tests.service.harness.tenants import Tenant, spelt

SOON = timedelta(seconds=5)
DAY = timedelta(hours=24)
LEASE = timedelta(seconds=30)
NO_TIME = timedelta(0)
MADE = Made(format="png", width=16, height=12, bytes=9, sha256="ab" * 32, milliseconds=1)


def new_process(tenant: Tenant, *destinations: str, **fields: Any) -> NewProcess:
    destinations = destinations or ("a.png", "b.png", "c.png")
    return NewProcess(
        **{
            "id": new_process_id(),
            "service_id": tenant.service_id,
            "priority": 0,
            "request": spelt(tenant.body(*destinations)).decode(),
            "destinations": destinations,
            **fields,
        }
    )


async def record(store: Store, *processes: NewProcess, remember: timedelta = DAY) -> set[str]:
    return set(await store.processes.record(processes, grace=SOON, remember=remember))


async def recorded(store: Store, tenant: Tenant, *destinations: str, **fields: Any) -> str:
    """Record one process; gives its id."""
    process = new_process(tenant, *destinations, **fields)
    assert await record(store, process) == {process.id}
    return process.id


async def claimed(store: Store, process_id: str, worker: str = "w") -> Claim:
    claim = await store.leases.claim(process_id, worker, LEASE)
    assert claim is not None
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


async def field(store: Store, process_id: str, column: str) -> Any:
    return await store.pool.fetchval(f"SELECT {column} FROM processes WHERE id = $1", process_id)


async def waits_for_a_lock(store: Store) -> bool:
    """Whether a statement waits for what another transaction holds."""
    return bool(await store.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


async def end(store: Store, claim: Claim, *, failing: bool = False) -> None:
    """Finish every job of a claim (or fail them) and settle it."""
    for position in claim.pending:
        if failing:
            await store.leases.fail_jobs(claim, [position], SourceNotFound("not there"))
        else:
            await store.leases.finish_job(claim, position, MADE)
    await store.leases.settle(claim, lambda _: None, SOON)
