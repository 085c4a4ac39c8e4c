"""Records: what is claimed by one, taken back when its time is over, and retried."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from service.errors import SourceNotFound
from service.ids import new_token, token_hash
from service.store import Store
from tests.service.harness.receiver import due
from tests.service.harness.records import (
    DAY,
    NO_TIME,
    SOON,
    claimed,
    claimed_new,
    done,
    end,
    ending,
    failed,
    field,
    new_process,
    record,
    recorded,
    set_row,
    shown,
    write,
)
from tests.service.harness.tenants import Tenant, add_tenant


@pytest.fixture
async def tenant(store: Store, tmp_path: Path) -> Tenant:
    return await add_tenant(store, tmp_path / "one")


@pytest.fixture
async def stranger(store: Store, tmp_path: Path) -> Tenant:
    return await add_tenant(store, tmp_path / "two")


async def test_many_processes_are_recorded_at_once_with_all_their_jobs(
    store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    first = new_process(tenant, "a.png", "b/c.png", traceparent="00-ab", priority=1)
    second = new_process(stranger, "d.png")
    assert await record(store, first, second) == {first.id, second.id}
    row = await shown(store, tenant, first.id)
    assert (row.status, row.attempt, row.deliveries) == ("QUEUED", 0, [])
    assert [(job.destination, job.status) for job in row.jobs] == [
        ("a.png", "QUEUED"),
        ("b/c.png", "QUEUED"),
    ]
    claim = await claimed(store, first.id)
    assert (claim.traceparent, claim.priority, claim.request) == ("00-ab", 1, first.request)
    assert [job.destination for job in (await shown(store, stranger, second.id)).jobs] == ["d.png"]


async def test_what_one_commit_records_or_retries_is_queued_in_its_order(
    store: Store, tenant: Tenant
) -> None:
    processes = [new_process(tenant, "a.png") for _ in range(50)]
    ids = [process.id for process in processes]
    assert await record(store, *processes) == set(ids)
    assert [row.id for row in await store.processes.waiting(100, SOON)] == ids
    await store.pool.execute("UPDATE processes SET status = 'FAILED'")
    _, retried = await store.processes.retry(
        ids[::-1], tenant.service_id, everything=False, grace=SOON
    )
    assert [process.id for process in retried] == ids[::-1]
    assert [row.id for row in await store.processes.waiting(100, SOON)] == ids[::-1]


async def test_another_services_process_does_not_exist(
    store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    process_id = await recorded(store, tenant)
    await end(store, await claimed(store, process_id))
    assert await store.processes.get(process_id, stranger.service_id) is None
    found, retried = await store.processes.retry(
        [process_id], stranger.service_id, everything=True, grace=SOON
    )
    assert (found, retried) == ({}, [])
    assert (await shown(store, tenant, process_id)).status == "FINISHED"


async def test_what_waits_is_read_in_equal_parts_and_no_more_than_that(
    store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    many = [await recorded(store, tenant) for _ in range(20)]
    few = [await recorded(store, stranger, "a.png") for _ in range(3)]
    assert await store.processes.waiting(100) == []  # their dispatch has some grace
    early = await store.processes.waiting(100, SOON)
    assert [row.id for row in early[:7]] == [
        *(id_ for both in zip(many, few, strict=False) for id_ in both), many[3],
    ]  # fmt: skip
    assert [row.id for row in early if row.service_id == tenant.service_id] == many
    await store.pool.execute("UPDATE processes SET due_at = now()")
    read = await store.processes.waiting(10)
    assert [row.id for row in read if row.service_id == tenant.service_id] == many[:6]
    assert {(row.service_id, row.more, row.jobs) for row in read} == {
        (tenant.service_id, True, 3), (stranger.service_id, False, 1),
    }  # fmt: skip
    assert len(await store.processes.waiting(1)) == 4  # one of each, and one beyond


async def test_what_was_claimed_before_keeps_its_place(store: Store, tenant: Tenant) -> None:
    ids = [await recorded(store, tenant) for _ in range(4)]
    await store.pool.execute("UPDATE processes SET due_at = now() - interval '1 second'")
    given_back, postponed = await claimed(store, ids[2]), await claimed(store, ids[3])
    await write(store, given_back, (), ending(given_back, "QUEUED"))
    await write(store, postponed, (), ending(postponed, "QUEUED", due_after=SOON / 2))
    assert [(row.id, row.again) for row in await store.processes.waiting(9, SOON)] == [
        (ids[0], False), (ids[1], False), (ids[2], True),
    ]  # fmt: skip


async def test_a_retry_takes_back_what_has_ended_and_only_what_failed(
    store: Store, tenant: Tenant
) -> None:
    claim = await claimed_new(store, tenant)
    results = done(0) + failed([1, 2], SourceNotFound("gone"))
    await write(store, claim, results, ending(claim, "FAILED"))
    await set_row(store, claim.id, errors="4", crashes="2")
    waiting = await recorded(store, tenant)
    found, retried = await store.processes.retry(
        [waiting, claim.id, "nonsense"], tenant.service_id, everything=False, grace=SOON
    )
    assert found == {waiting: "QUEUED", claim.id: "FAILED"}
    assert [(r.id, r.run, r.attempt) for r in retried] == [(claim.id, 2, 1)]
    again = await claimed(store, claim.id)
    assert (again.run, again.attempt, again.errors, again.crashes) == (3, 1, 0, 0)
    assert list(again.pending) == [1, 2]


async def test_a_retry_of_everything_starts_all_over(store: Store, tenant: Tenant) -> None:
    claim = await claimed_new(store, tenant)
    await end(store, claim)
    await store.processes.retry([claim.id], tenant.service_id, everything=True, grace=SOON)
    row = await shown(store, tenant, claim.id)
    assert {(job.status, job.sha256, job.format) for job in row.jobs} == {("QUEUED", None, None)}
    assert list((await claimed(store, claim.id)).pending) == [0, 1, 2]


async def test_two_retries_at_once_raise_the_attempt_once(store: Store, tenant: Tenant) -> None:
    claims = [await claimed_new(store, tenant) for _ in range(5)]
    for claim in claims:
        await end(store, claim, failing=True)
    ids = [claim.id for claim in claims]
    answers = await asyncio.gather(
        *(
            store.processes.retry(order, tenant.service_id, everything=False, grace=SOON)
            for order in (ids, ids[::-1])
        )
    )
    assert sorted(len(retried) for _, retried in answers) == [0, 5]
    assert {await field(store, name, "attempt") for name in ids} == {1}


async def test_the_backlog_is_counted(store: Store, tenant: Tenant) -> None:
    await recorded(store, tenant)
    old = await recorded(store, tenant)
    await set_row(store, old, queued_at="now() - interval '1 hour'")
    await claimed_new(store, tenant)
    await end(store, await claimed_new(store, tenant))
    await due(store, tenant, "http://receiver.example")
    await store.pool.execute("UPDATE deliveries SET created_at = now() - interval '2 hours'")
    backlog = await store.backlog.count()
    depth = {
        state: (waiting.count, round(waiting.oldest, -2))
        for state, waiting in (*backlog.processes.items(), ("callbacks", backlog.callbacks))
    }
    assert depth == {"QUEUED": (2, 3600), "PROCESSING": (1, 0), "callbacks": (1, 7200)}
    assert await store.backlog.of_services(5) == [(tenant.service_id, 2)]
    assert await store.backlog.of_services(0) == []


async def test_a_key_is_kept_for_its_first_process(store: Store, tenant: Tenant) -> None:
    first = new_process(tenant, idempotency_key="k", body_hash=b"1")
    second = new_process(tenant, idempotency_key="k", body_hash=b"2")
    plain = new_process(tenant)
    assert await record(store, first) == {first.id}
    assert await record(store, second, plain) == {plain.id}
    assert await store.processes.first_answer(tenant.service_id, "k") == (b"1", first.id)
    assert await store.processes.get(second.id, tenant.service_id) is None


async def test_two_transactions_with_one_key_make_one_process(store: Store, tenant: Tenant) -> None:
    processes = [new_process(tenant, idempotency_key="k", body_hash=b"1") for _ in range(4)]
    recorded_ids = await asyncio.gather(*(record(store, process) for process in processes))
    [winner] = set().union(*recorded_ids)
    assert await store.processes.first_answer(tenant.service_id, "k") == (b"1", winner)
    assert await store.pool.fetchval("SELECT count(*) FROM processes") == 1


async def test_two_services_may_use_the_same_key(
    store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    ours = new_process(tenant, idempotency_key="k", body_hash=b"1")
    theirs = new_process(stranger, idempotency_key="k", body_hash=b"1")
    assert await record(store, ours, theirs) == {ours.id, theirs.id}


async def test_a_key_counts_until_it_expires(store: Store, tenant: Tenant) -> None:
    first = new_process(tenant, idempotency_key="k", body_hash=b"1")
    second = new_process(tenant, idempotency_key="k", body_hash=b"2")
    await record(store, first)
    await store.pool.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes'"
    )
    await store.processes.forget_keys(DAY, 10)
    assert await record(store, second) == set()
    await store.pool.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 minute'"
    )
    assert await record(store, second) == {second.id}
    assert await store.processes.first_answer(tenant.service_id, "k") == (b"2", second.id)
    await store.processes.forget_keys(NO_TIME, 10)
    assert await store.processes.first_answer(tenant.service_id, "k") is None


async def test_rotating_a_token_leaves_the_last_two(store: Store, tenant: Tenant) -> None:
    tokens = [tenant.token, *(new_token() for _ in range(3))]
    for token in tokens[1:]:
        assert await store.services.add_token(tenant.service_id, token_hash(token))
    holders = [await store.services.holder(token_hash(token)) for token in tokens]
    assert [holder is not None for holder in holders] == [False, False, True, True]
    assert not await store.services.add_token(999_999, token_hash(new_token()))


async def test_rotations_at_once_leave_two_tokens(store: Store, tenant: Tenant) -> None:
    await asyncio.gather(
        *(store.services.add_token(tenant.service_id, token_hash(new_token())) for _ in range(8))
    )
    [line] = await store.services.list()
    assert line.tokens == 2


async def test_rotating_a_webhook_secret_keeps_the_one_before(store: Store, tenant: Tenant) -> None:
    for secret in ("whsec_Mg==", "whsec_Mw=="):
        assert await store.services.rotate_webhook_secret(tenant.service_id, secret)
    service = await store.services.get(tenant.service_id)
    assert service is not None
    assert service.webhook_secrets == ["whsec_Mw==", "whsec_Mg=="]
    assert not await store.services.rotate_webhook_secret(999_999, "whsec_Mw==")


async def test_a_service_is_disabled_and_let_in_again(store: Store, tenant: Tenant) -> None:
    seen = []
    for disabled in (True, False):
        assert await store.services.set_disabled(tenant.service_id, disabled)
        holder = await store.services.holder(token_hash(tenant.token))
        assert holder is not None
        seen.append(holder.disabled)
    assert seen == [True, False]
    assert not await store.services.set_disabled(999_999, True)


async def test_a_services_storage_is_changed(store: Store, tenant: Tenant) -> None:
    assert await store.services.set_storage(tenant.service_id, "s3://b/p", {"region": "eu"})
    service = await store.services.get(tenant.service_id)
    assert service is not None
    assert (service.storage_url, service.storage_options) == ("s3://b/p", {"region": "eu"})
    assert not await store.services.set_storage(999_999, "s3://b/p", {})
    assert await store.services.get(999_999) is None


async def test_a_name_is_given_once(store: Store, tenant: Tenant) -> None:
    [line] = await store.services.list()
    assert await store.services.find(line.name) == tenant.service_id
    with pytest.raises(asyncpg.UniqueViolationError):
        await store.services.add(
            name=line.name, storage_url="file:///x", storage_options={},
            webhook_secret="whsec_Mg==", token_hash=token_hash("t"),
        )  # fmt: skip
    assert await store.services.find("nobody") is None
