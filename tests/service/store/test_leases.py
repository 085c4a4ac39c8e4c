"""Leases: a process is one worker's, and what that one records of it is all or nothing."""

import asyncio
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from service.errors import SourceNotFound
from service.ids import new_delivery_id, new_process_id
from service.store import Claim, Due, Entry, NewDelivery, Store
from tests.service.harness.records import (
    LEASE,
    SOON,
    claimed,
    claimed_new,
    done,
    ending,
    failed,
    field,
    let_lease_expire,
    lose,
    recorded,
    shown,
    write,
)
from tests.service.harness.tenants import Tenant


async def test_a_process_is_claimed_once(store: Store, tenant: Tenant) -> None:
    process_id = await recorded(store, tenant)
    claims = await asyncio.gather(
        *(store.leases.claim([process_id], f"w{i}", LEASE) for i in range(8))
    )
    [claim] = [claim for part in claims for claim in part]
    assert (claim.run, claim.attempt, claim.errors, claim.crashes) == (1, 0, 0, 0)
    assert list(claim.pending) == [0, 1, 2]
    assert 0 <= claim.waited < 10
    assert (await shown(store, tenant, process_id)).status == "PROCESSING"
    assert await store.leases.claim([new_process_id()], "w", LEASE) == []


async def test_a_renewed_lease_outlives_its_first_end(store: Store, tenant: Tenant) -> None:
    short = timedelta(seconds=0.05)
    held, left = await recorded(store, tenant), await recorded(store, tenant)
    claims = {claim.id: claim for claim in await store.leases.claim([held, left], "w", short)}
    assert await store.leases.renew([claims[held]], LEASE) == {held: False}
    await asyncio.sleep(0.1)
    assert await store.leases.reap(10) == [left]
    await write(store, claims[held])


async def test_what_is_finished_and_failed_is_shown_and_settles_as_failed(
    store: Store, tenant: Tenant
) -> None:
    claim = await claimed_new(store, tenant)
    await write(store, claim, done(1))
    results = failed([0, 2], SourceNotFound("nowhere"))
    took = await write(store, claim, results, ending(claim, "FAILED"))
    process = await shown(store, tenant, claim.id)
    assert process.status == "FAILED"
    assert process.updated_at == claim.claimed_at
    first, second, _ = process.jobs
    assert (first.error_code, first.error_message) == ("source_not_found", "nowhere")
    assert (second.format, second.width, second.height, second.bytes) == ("png", 16, 12, 9)
    assert (second.sha256, second.milliseconds, second.error_code) == ("ab" * 32, 1, None)
    assert 0 <= took < 10
    assert await field(store, claim.id, "worker") is None


async def test_what_is_done_stays_done(store: Store, tenant: Tenant) -> None:
    claim = await claimed_new(store, tenant)
    await write(store, claim, done(0))
    await write(store, claim, failed(claim.pending, SourceNotFound("gone")))
    await write(store, claim, failed([], SourceNotFound("gone")))
    statuses = [job.status for job in (await shown(store, tenant, claim.id)).jobs]
    assert statuses == ["DONE", "FAILED", "FAILED"]


async def test_one_statement_records_many_processes_and_leaves_out_what_is_lost(
    store: Store, tenant: Tenant
) -> None:
    claims = [await claimed_new(store, tenant, "a.png", "b.png") for _ in range(4)]
    lost, going, ended, back = claims
    await lose(store, lost)
    entries = [
        Entry(claim=lost, results=done(0, 1), end=ending(lost, callback=delivery(lost))),
        Entry(claim=going, results=done(0)),
        Entry(claim=ended, results=done(0, 1), end=ending(ended, callback=delivery(ended))),
        Entry(claim=back, results=done(1), end=ending(back, "QUEUED", errors=1)),
    ]
    took = await store.leases.record(entries, SOON)
    assert took.keys() == {going.id, ended.id, back.id}
    rows = [await shown(store, tenant, claim.id) for claim in claims]
    assert [row.status for row in rows] == ["QUEUED", "PROCESSING", "FINISHED", "QUEUED"]
    assert [[job.status for job in row.jobs] for row in rows] == [
        ["QUEUED", "QUEUED"], ["DONE", "QUEUED"], ["DONE", "DONE"], ["QUEUED", "DONE"],
    ]  # fmt: skip
    assert [len(row.deliveries) for row in rows] == [0, 0, 1, 0]
    assert [await field(store, claim.id, "errors") for claim in claims] == [0, 0, 0, 1]


async def test_a_claim_knows_what_became_of_the_other_jobs(store: Store, tenant: Tenant) -> None:
    claim = await claimed_new(store, tenant)
    assert list(claim.destinations) == ["a.png", "b.png", "c.png"]
    assert claim.ended == ()
    told = msgspec.structs.replace(done(0)[0], description='{"average": "#102030"}')
    results = [told, *failed([2], SourceNotFound("gone"))]
    await write(store, claim, results, ending(claim, "QUEUED"))
    again = await claimed(store, claim.id)
    assert (again.ended, list(again.pending)) == (results, [1])
    assert claim.created_at <= claim.claimed_at < again.claimed_at


async def test_the_end_of_a_process_and_its_delivery_are_one_transaction(
    store: Store, tenant: Tenant
) -> None:
    claim = await claimed_new(store, tenant)
    made = delivery(claim)
    impossible = msgspec.structs.replace(made, attempt=2**31)
    with pytest.raises(asyncpg.DataError):
        await write(store, claim, done(0), ending(claim, callback=impossible))
    assert (await shown(store, tenant, claim.id)).status == "PROCESSING"
    await write(store, claim, done(0, 1, 2), ending(claim, callback=made))
    [found] = await store.deliveries.claim([Due(id=made.id, tries=0)], SOON, 9)
    assert (found.body, found.tries) == (b"FINISHED", 1)
    assert found.webhook_secrets == [tenant.webhook_secret]
    [line] = (await shown(store, tenant, claim.id)).deliveries
    assert (line.status, line.tries, line.attempt) == ("PENDING", 1, 0)


def delivery(claim: Claim) -> NewDelivery:
    return NewDelivery(
        id=new_delivery_id(), process_id=claim.id, attempt=0, url="http://x/",
        body=b"FINISHED", traceparent=None,
    )  # fmt: skip


async def test_work_is_given_back_counted_or_not(store: Store, tenant: Tenant) -> None:
    claim = await claimed_new(store, tenant)
    await write(store, claim, done(0), ending(claim, "QUEUED"))
    again = await claimed(store, claim.id)
    assert (again.run, again.errors, again.crashes) == (2, 0, 0)
    assert list(again.pending) == [1, 2]
    later = timedelta(seconds=60)
    await write(store, again, (), ending(again, "QUEUED", errors=1, due_after=later))
    assert await store.processes.waiting(10) == []
    third = await claimed(store, claim.id)
    assert (third.run, third.errors, third.crashes) == (3, 1, 0)


async def test_an_expired_lease_is_reaped_once_and_counted(store: Store, tenant: Tenant) -> None:
    dead, alive = await claimed_new(store, tenant), await claimed_new(store, tenant)
    await let_lease_expire(store, dead.id)
    reaped = await asyncio.gather(*(store.leases.reap(10) for _ in range(4)))
    assert [name for part in reaped for name in part] == [dead.id]
    await write(store, alive)
    [due] = await store.processes.waiting(10)
    assert (due.id, due.run) == (dead.id, 1)
    again = await claimed(store, dead.id)
    assert (again.run, again.crashes, again.errors) == (2, 1, 0)


async def test_reaping_steps_over_rows_that_another_holds(store: Store, tenant: Tenant) -> None:
    names = [await recorded(store, tenant) for _ in range(4)]
    await store.pool.execute("UPDATE processes SET due_at = now() - interval '1 second'")
    for name in names[2:]:
        await claimed(store, name)
        await let_lease_expire(store, name)
    async with store.pool.acquire() as other, other.transaction():
        await other.execute(
            "SELECT FROM processes WHERE id = ANY($1) FOR UPDATE", [names[0], names[2]]
        )
        async with asyncio.timeout(2):
            assert await store.leases.reap(10) == [names[3]]
