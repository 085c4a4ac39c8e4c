"""Postgres is the truth: whatever Redis forgets, loses or repeats, all is done once."""

import asyncio
from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path

import msgspec
import pytest
import redis.asyncio

from service.dev.stack import free_port
from service.dispatch import CALLBACK, RENDER, Dispatch, Queue, Reconciler, Refill, connect
from service.embedded import Valkey
from service.metrics import Metrics
from service.settings import Settings
from service.store import Store
from service.tasks import stop
from tests.service.harness.api_client import Api, serving
from tests.service.harness.receiver import talking
from tests.service.harness.records import (
    LEASE,
    claimed,
    field,
    let_lease_expire,
    new_process,
    record,
    recorded,
    set_row,
)
from tests.service.harness.tenants import Tenant, add_tenant
from tests.service.harness.workers import ended, scraped, until, working


@pytest.fixture(scope="module")
async def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, dispatch_grace_seconds=0.5, reconcile_seconds=0.05, metrics_port=free_port()
    )


async def test_what_redis_has_forgotten_is_dispatched_again(
    api: Api, settings: Settings, tenant: Tenant
) -> None:
    ids = [await api.create(tenant, tenant.body(f"{i}.png")) for i in range(20)]
    client = redis.asyncio.Redis.from_url(settings.redis_url)

    async def dispatched() -> bool:
        return int(await client.zcard(RENDER)) >= 20

    await until(dispatched)
    await client.flushall()
    await client.aclose()
    async with working(settings):
        for process_id in ids:
            assert (await ended(api, tenant, process_id))["status"] == "FINISHED"
        lines = [f'darkroom_reconciled_total{{reason="{why}"}}' for why in ("process", "direct")]
        assert sum([await scraped(settings, line) for line in lines]) >= 20


async def test_what_was_never_dispatched_is_found(
    settings: Settings, api: Api, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await recorded(shared_store, tenant, "a.png")
    await set_row(shared_store, process_id, due_at="now()")
    async with working(settings):
        assert (await ended(api, tenant, process_id))["status"] == "FINISHED"


async def test_a_worker_outlives_its_redis(
    settings: Settings, shared_store: Store, tenant: Tenant, tmp_path: Path
) -> None:
    async with Valkey(tmp_path / "valkey") as valkey:
        own = msgspec.structs.replace(
            settings, redis_url=valkey.url, metrics_port=0, redispatch_seconds=0.2
        )
        async with serving(own) as api, working(own):
            assert (await ended(api, tenant, await api.create(tenant)))["status"] == "FINISHED"
            await valkey.kill()
            ids = [await api.create(tenant, tenant.body(f"{i}.png")) for i in range(3)]
            await asyncio.sleep(0.1)
            await valkey.start()
            for process_id in ids:
                assert (await ended(api, tenant, process_id))["status"] == "FINISHED"
                assert await field(shared_store, process_id, "run") == 1


async def test_a_dispatch_that_comes_twice_is_worked_on_once(
    settings: Settings, api: Api, shared_store: Store, tenant: Tenant
) -> None:
    connection = connect(settings.redis_url)
    queue = Queue(connection, RENDER, 100)
    async with working(settings):
        process_id = await api.create(tenant)
        for run in range(3):
            await queue.dispatch([Dispatch(process_id, run), Dispatch("nobody-knows-this", run)])
        assert (await ended(api, tenant, process_id))["status"] == "FINISHED"
        await queue.dispatch([Dispatch(process_id, 0), Dispatch(process_id, 9)])
        last = await api.create(tenant)
        await ended(api, tenant, last)
    await connection.aclose()
    assert await field(shared_store, process_id, "(status, run)") == ("FINISHED", 1)


async def test_work_goes_by_priority_and_then_in_the_order_of_its_acceptance(
    settings: Settings, api: Api, shared_store: Store, tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """However fast it comes: one after the other, and all that are recorded in one commit."""
    monkeypatch.setattr("service.worker.rendering.prefetch.MOST", 1)
    classes: dict[str, list[str]] = {"high": [], "normal": [], "low": []}
    for index in range(9):
        priority = ["low", "normal", "high"][index % 3]
        body = tenant.body(f"{index}.png", priority=priority)
        classes[priority].append(await api.create(tenant, body))
    together = [new_process(tenant, f"low/{index}.png", priority=-1) for index in range(9)]
    await record(shared_store, *together)
    await shared_store.pool.execute("UPDATE processes SET due_at = now() WHERE priority = -1")
    expected = [*chain.from_iterable(classes.values()), *(process.id for process in together)]

    setup = ReconcilerSetup(shared_store, settings)

    async def dispatched() -> bool:
        return len(await setup.names()) >= len(expected)

    await setup.reconcile()
    await until(dispatched)
    await setup.redis.aclose()
    async with working(settings):
        for process_id in expected:
            await ended(api, tenant, process_id)
    order = await shared_store.pool.fetch(
        "SELECT id FROM processes WHERE id = ANY($1) ORDER BY updated_at", expected
    )
    assert [row["id"] for row in order] == expected


class ReconcilerSetup:
    """A reconciler over a database of its own, and what it has dispatched."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.redis = connect(settings.redis_url)
        self.metrics = Metrics(version="x", libvips="x")
        window = settings.dispatch_window
        renders, callbacks = (Queue(self.redis, name, window) for name in (RENDER, CALLBACK))
        self.refill = Refill(store.processes, renders, settings, self.metrics)
        self.reconciler = Reconciler(store, self.refill, callbacks, settings, self.metrics)

    async def reconcile(self) -> None:
        await self.reconciler.tend_records()
        await self.reconciler.tend_queues()

    async def names(self) -> set[str]:
        members = await self.redis.zrange(RENDER, 0, -1)
        return {Dispatch.parse(member.decode()).name for member in members}

    def number(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"darkroom_{name}", labels) or 0


@pytest.fixture
async def setup(store: Store, settings: Settings, redis_url: str) -> AsyncIterator[ReconcilerSetup]:
    found = ReconcilerSetup(store, settings)
    yield found
    await found.redis.aclose()


@pytest.fixture
async def shop(store: Store, tmp_path: Path) -> Tenant:
    return await add_tenant(store, tmp_path / "shop")


async def test_thousands_of_lost_dispatches_are_made_again_as_they_are_taken(
    store: Store, shop: Tenant, setup: ReconcilerSetup
) -> None:
    processes = [new_process(shop, "a.png") for _ in range(2500)]
    await record(store, *processes)
    await store.pool.execute("UPDATE processes SET due_at = now()")
    taken: list[str] = []
    while len(taken) < 2500:
        await setup.reconcile()
        popped = await setup.redis.zpopmin(RENDER, 2000)
        assert 0 < len(popped) <= 1001
        ids = [Dispatch.parse(member.decode()).id for member, _ in popped]
        await store.leases.claim(ids, "w", LEASE)
        taken += ids
    assert taken == [process.id for process in processes]
    assert setup.number("reconciled_total", reason="process") == 2500
    await setup.reconcile()
    assert await setup.redis.exists(RENDER, f"{RENDER}:spilled") == 0


async def test_many_reconcilers_at_once_dispatch_each_process_once(
    store: Store, shop: Tenant, setup: ReconcilerSetup, settings: Settings
) -> None:
    await record(store, *[new_process(shop, "a.png") for _ in range(500)])
    held = [await claimed(store, (await recorded(store, shop, "b.png"))) for _ in range(5)]
    for claim in held:
        await let_lease_expire(store, claim.id)
    await store.pool.execute("UPDATE processes SET due_at = now() WHERE status = 'QUEUED'")
    others = [ReconcilerSetup(store, settings) for _ in range(3)]
    await asyncio.gather(*(one.reconcile() for one in (setup, *others)))
    await setup.reconcile()
    assert len(await setup.names()) == 505
    counted = [one.number("reconciled_total", reason="process") for one in (setup, *others)]
    assert sum(counted) == 505
    assert sum(one.number("leases_expired_total") for one in (setup, *others)) == 5
    assert {claim.crashes for claim in [await claimed(store, claim.id) for claim in held]} == {1}
    for one in others:
        await one.redis.aclose()


async def test_a_reaped_process_is_dispatched_under_a_new_name(
    store: Store, shop: Tenant, setup: ReconcilerSetup
) -> None:
    claim = await claimed(store, await recorded(store, shop, "a.png"))
    await let_lease_expire(store, claim.id)
    await setup.reconcile()
    assert await setup.names() == {f"{claim.id}:1"}


async def test_a_redis_that_hangs_or_refuses_spares_no_lease(
    store: Store, shop: Tenant, settings: Settings
) -> None:
    over = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async with talking(silent) as port:
        for url in (f"redis://127.0.0.1:{port}/0", "redis://127.0.0.1:1/0"):
            await record(store, new_process(shop, "due.png"))
            await store.pool.execute("UPDATE processes SET due_at = now()")
            setup = ReconcilerSetup(store, msgspec.structs.replace(settings, redis_url=url))
            loops = [setup.reconciler.keep_queues(), setup.reconciler.keep_records()]
            tasks = [asyncio.create_task(loop) for loop in loops]
            for expected in (1, 2):  # after the first failure too
                claim = await claimed(store, await recorded(store, shop, "a.png"))
                await let_lease_expire(store, claim.id)
                async with asyncio.timeout(4):  # less than the time limit of Redis, 5 s
                    while setup.number("leases_expired_total") < expected:
                        await asyncio.sleep(0.01)
            for task in tasks:
                await stop(task)
            await setup.redis.aclose()
        over.set()


async def test_old_keys_are_swept(store: Store, shop: Tenant, setup: ReconcilerSetup) -> None:
    await record(store, new_process(shop, idempotency_key="k", body_hash=b"1"))
    await store.pool.execute("UPDATE idempotency_keys SET created_at = now() - interval '2 days'")
    await record(store, new_process(shop, idempotency_key="l", body_hash=b"1"))
    await setup.reconciler.sweep()
    assert await store.processes.first_answer(shop.service_id, "k") is None
    assert await store.processes.first_answer(shop.service_id, "l") is not None
