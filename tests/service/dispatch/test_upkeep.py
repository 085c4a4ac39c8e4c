"""What is kept, what is forgotten, and what an outage of Postgres costs."""

import asyncio
from datetime import timedelta

import pytest

from service.dispatch import CALLBACK, RENDER, Queue, Reconciler, Refill, connect
from service.embedded import Valkey
from service.metrics import Metrics
from service.settings import Settings
from service.store import NewProcess, Store
from service.store.database import sql
from service.store.processes import Processes
from service.tasks import stop
from tests.service.harness.api_client import Api
from tests.service.harness.records import (
    claimed,
    field,
    let_lease_expire,
    new_process,
    record,
    recorded,
    set_row,
)
from tests.service.harness.tenants import Tenant, quick

DAY = timedelta(days=1)


async def test_ended_processes_are_forgotten_after_their_time(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    ids = [await api.create(tenant) for _ in range(3)]
    old = "now() - interval '40 days'"
    await set_row(shared_store, ids[0], status="'FINISHED'", updated_at=old)
    await set_row(shared_store, ids[1], status="'FINISHED'")
    await set_row(shared_store, ids[2], updated_at=old)  # it still waits
    assert await shared_store.processes.purge(30 * DAY, 10) == 1
    statuses = [(await api.get(tenant, process_id)).status for process_id in ids]
    assert statuses == [404, 200, 200]


async def test_a_backlog_is_forgotten_in_batches_beside_other_work(
    settings: Settings, shared_store: Store, tenant: Tenant, valkey: Valkey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("service.dispatch.reconciler.MOST", 10)
    monkeypatch.setattr("service.dispatch.reconciler.MOST_PURGED", 10)
    monkeypatch.setattr("service.dispatch.reconciler.BATCH_PAUSE_SECONDS", 0.001)
    processes, purge, sizes = shared_store.processes, Processes.purge, list[int]()
    old = [new_process(tenant, idempotency_key=f"old {i}") for i in range(45)]
    await record(shared_store, *old)
    await shared_store.pool.execute(
        "UPDATE processes SET status = 'FINISHED', updated_at = now() - interval '31 days' "
        "WHERE service_id = $1",
        tenant.service_id,
    )
    await shared_store.pool.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '2 days' WHERE service_id = $1",
        tenant.service_id,
    )

    async def purge_after_an_outage(self: Processes, older_than: timedelta, most: int) -> int:
        sizes.append(-1 if not sizes else await purge(self, older_than, most))
        if sizes == [-1]:
            raise TimeoutError
        return sizes[-1]

    monkeypatch.setattr(Processes, "purge", purge_after_an_outage)
    redis = connect(valkey.url)
    metrics = Metrics(version="1", libvips="8")
    refill = Refill(shared_store.processes, Queue(redis, RENDER, 9), settings, metrics)
    reconciler = Reconciler(shared_store, refill, Queue(redis, CALLBACK, 9), settings, metrics)
    sweeping = asyncio.create_task(reconciler.keep_swept())
    claims = [
        await claimed(shared_store, await recorded(shared_store, tenant, idempotency_key=f"{i}"))
        for i in range(5)
    ]
    await let_lease_expire(shared_store, claims[0].id)
    await reconciler.tend_records()  # a sweep that failed does not spare leases
    assert await field(shared_store, claims[0].id, "status") == "QUEUED"
    async with asyncio.timeout(60):
        while sizes[-1:] != [5]:
            await asyncio.sleep(0.01)
    assert sizes == [-1, 10, 10, 10, 10, 5]
    await stop(sweeping)
    await redis.aclose()
    assert await processes.first_answer(tenant.service_id, "old 0") is None
    assert await processes.first_answer(tenant.service_id, "4") is not None
    left = await shared_store.pool.fetchval(
        "SELECT count(*) FROM processes WHERE service_id = $1", tenant.service_id
    )
    assert left == 5


async def test_the_depth_is_counted_without_reading_what_has_ended(shared_store: Store) -> None:
    async with shared_store.pool.acquire() as connection, connection.transaction():
        # A table that is nearly empty is read, or sorted, in any way.
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plan = await connection.fetch("EXPLAIN " + sql("count_backlog").replace("$1", "9"))
    text = "\n".join(row[0] for row in plan)
    assert "processes_due" in text
    assert "processes_leased" in text
    assert "deliveries_due" in text
    assert "Seq Scan" not in text


async def test_keys_in_opposite_orders_do_not_deadlock(shared_store: Store, tenant: Tenant) -> None:
    def batch(name: str, keys: range) -> list[NewProcess]:
        return [
            NewProcess(
                id=f"{name}-{key}", service_id=tenant.service_id, priority=0, request="{}",
                destinations=["a.png"], idempotency_key=f"key-{key}", body_hash=b"x",
            )
            for key in keys
        ]  # fmt: skip

    for turn in range(8):
        first = range(turn * 100, turn * 100 + 100)
        await asyncio.gather(
            shared_store.processes.record(batch("up", first), grace=DAY, remember=DAY),
            shared_store.processes.record(batch("down", first[::-1]), grace=DAY, remember=DAY),
        )


async def test_nothing_is_reaped_until_leases_could_be_renewed(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant, valkey: Valkey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """After an outage of Postgres every lease has run out, and nobody is to blame."""
    redis = connect(valkey.url)
    held = quick(settings.database_url, settings.redis_url, lease_seconds=0.6)
    metrics = Metrics(version="1", libvips="8")
    refill = Refill(shared_store.processes, Queue(redis, RENDER, 9), held, metrics)
    reconciler = Reconciler(shared_store, refill, Queue(redis, CALLBACK, 9), held, metrics)
    process_id = await api.create(tenant)
    await set_row(
        shared_store, process_id, status="'PROCESSING'",
        lease_until="now() - interval '1 second'",
    )  # fmt: skip

    now, once, rounds = 1000.0, reconciler.tend_records, asyncio.Queue[str]()

    async def unavailable() -> None:
        rounds.put_nowait("failed")
        raise ConnectionError("Postgres is unavailable")

    async def tend() -> None:
        await once()
        rounds.put_nowait("done")

    monkeypatch.setattr("service.dispatch.reconciler.monotonic", lambda: now)
    monkeypatch.setattr(reconciler, "tend_records", unavailable)
    task = asyncio.create_task(reconciler.keep_records())
    assert await rounds.get() == "failed"
    monkeypatch.setattr(reconciler, "tend_records", tend)
    now += 0.15
    while await rounds.get() != "done":
        pass
    assert await field(shared_store, process_id, "status") == "PROCESSING"
    now += 0.1
    await rounds.get()  # it may have begun before
    await rounds.get()
    assert await field(shared_store, process_id, "status") == "QUEUED"
    await stop(task)
    await redis.aclose()
