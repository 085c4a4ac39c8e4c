"""A worker that lost its lease writes nothing: each write, and each moment."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from service.errors import LeaseLost, SourceNotFound
from service.ids import new_delivery_id
from service.store import Claim, NewDelivery, Store
from tests.service.harness.records import (
    LEASE,
    SOON,
    claimed,
    claimed_new,
    done,
    end,
    ending,
    failed,
    let_lease_expire,
    lose,
    shown,
    waits_for_a_lock,
    write,
)
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import until

Write = Callable[[Store, Claim], Awaitable[object]]


async def finish(store: Store, claim: Claim) -> None:
    await write(store, claim, done(0))


async def fail(store: Store, claim: Claim) -> None:
    await write(store, claim, failed([0, 1], SourceNotFound("stale")))


async def record_nothing(store: Store, claim: Claim) -> None:
    await write(store, claim)


async def give_back(store: Store, claim: Claim) -> None:
    await write(store, claim, done(0), ending(claim, "QUEUED", errors=1))


async def settle(store: Store, claim: Claim) -> None:
    callback = NewDelivery(
        id=new_delivery_id(), process_id=claim.id, attempt=0, url="http://stale/",
        body=b"", traceparent=None,
    )  # fmt: skip
    await write(store, claim, done(0, 1, 2), ending(claim, callback=callback))


async def renew(store: Store, claim: Claim) -> None:
    if not await store.leases.renew([claim], LEASE):
        raise LeaseLost("not renewed")


async def keep_in_place(store: Store, claim: Claim) -> None:
    if not await store.leases.keep_in_place(claim, "{}"):
        raise LeaseLost("not kept")


WRITES: list[Write] = [keep_in_place, finish, fail, record_nothing, give_back, settle, renew]


async def all_of(store: Store, process_id: str) -> list[object]:
    """Return everything that a stale write could change."""
    tables = ("processes WHERE id", "jobs WHERE process_id", "deliveries WHERE process_id")
    return [
        [tuple(row) for row in await store.pool.fetch(f"SELECT * FROM {table} = $1", process_id)]
        for table in tables
    ]


async def refused(store: Store, claim: Claim, write: Write) -> None:
    before = await all_of(store, claim.id)
    with pytest.raises(LeaseLost):
        await write(store, claim)
    assert await all_of(store, claim.id) == before


@pytest.mark.parametrize("write", WRITES)
async def test_a_worker_that_was_reaped(store: Store, tenant: Tenant, write: Write) -> None:
    claim = await claimed_new(store, tenant)
    await lose(store, claim)
    await refused(store, claim, write)


@pytest.mark.parametrize("write", WRITES)
async def test_a_worker_that_another_has_followed(
    store: Store, tenant: Tenant, write: Write
) -> None:
    claim = await claimed_new(store, tenant)
    await lose(store, claim)
    await claimed(store, claim.id, "another")
    await refused(store, claim, write)


@pytest.mark.parametrize("write", WRITES)
async def test_a_worker_whose_process_another_has_ended(
    store: Store, tenant: Tenant, write: Write
) -> None:
    claim = await claimed_new(store, tenant)
    await lose(store, claim)
    await end(store, await claimed(store, claim.id, "another"))
    await refused(store, claim, write)


@pytest.mark.parametrize("write", WRITES)
async def test_a_worker_whose_process_was_retried(
    store: Store, tenant: Tenant, write: Write
) -> None:
    claim = await claimed_new(store, tenant)
    await end(store, claim)
    await store.processes.retry([claim.id], tenant.service_id, everything=True, grace=SOON)
    await refused(store, claim, write)
    await claimed(store, claim.id)
    await refused(store, claim, write)


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_meets_the_reaper_half_way(
    store: Store, tenant: Tenant, write: Write
) -> None:
    claim = await claimed_new(store, tenant)
    await let_lease_expire(store, claim.id)
    async with store.pool.acquire() as reaper, reaper.transaction():
        await reaper.execute(
            "UPDATE processes SET status = 'QUEUED', lease_until = NULL WHERE id = $1", claim.id
        )
        writing = asyncio.ensure_future(write(store, claim))
        await until(lambda: waits_for_a_lock(store))
    with pytest.raises(LeaseLost):
        await writing
    row = await shown(store, tenant, claim.id)
    assert (row.status, {job.status for job in row.jobs}) == ("QUEUED", {"QUEUED"})


async def test_renewing_and_retrying_the_same_processes_do_not_lock_each_other_out(
    store: Store, tenant: Tenant
) -> None:
    claims = sorted(
        [await claimed_new(store, tenant) for _ in range(2)], key=lambda claim: claim.id
    )
    async with store.pool.acquire() as other, other.transaction():
        lock = "SELECT FROM processes WHERE id = $1 FOR UPDATE"
        await other.execute(lock, claims[0].id)
        renewing = asyncio.ensure_future(store.leases.renew(claims[::-1], LEASE))
        await until(lambda: waits_for_a_lock(store))
        await other.execute(lock + " NOWAIT", claims[1].id)
    assert await renewing == {claim.id: False for claim in claims}
