"""POST /retry: what has ended runs again, one answer for each id in the order asked."""

import asyncio

import pytest

from engine.errors import SourceCorrupt
from service.ids import new_process_id
from service.settings import Settings
from service.store import Store
from tests.service.harness.api_client import Api
from tests.service.harness.receiver import receiving
from tests.service.harness.records import claimed, done, end, ending, field, write
from tests.service.harness.records import failed as failures
from tests.service.harness.tenants import Tenant, Words
from tests.service.harness.workers import done_by, working


def told(status: int, process_id: str, attempt: int = 0) -> Words:
    words = {
        200: f"Reprocessing process, attempt: {attempt}"
        if attempt
        else "Nothing to do: every job is done",
        404: "Process not found",
        409: "Process is still queued or running",
    }
    return {"status": status, "process_id": process_id, "description": words[status]}


async def failed(api: Api, store: Store, tenant: Tenant) -> str:
    process_id = await api.create(tenant)
    await end(store, await claimed(store, process_id), failing=True)
    return process_id


async def test_each_id_has_its_answer_in_the_order_asked(
    api: Api, shared_store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    ended = await failed(api, shared_store, tenant)
    queued = await api.create(tenant)
    running = await api.create(tenant)
    await claimed(shared_store, running)
    foreign = await failed(api, shared_store, stranger)
    missing = new_process_id()
    done = await api.create(tenant)
    await end(shared_store, await claimed(shared_store, done))
    answer = await api.retry(tenant, missing, done, running, foreign, ended, queued, ended)
    assert answer.status == 200
    assert answer.words == [
        told(404, missing),
        told(200, done),
        told(409, running),
        told(404, foreign),
        told(200, ended, 1),
        told(409, queued),
    ]
    assert (await api.status(tenant, ended))["status"] == "QUEUED"
    assert (await api.status(tenant, running))["status"] == "PROCESSING"
    assert (await api.status(stranger, foreign))["status"] == "FAILED"


async def test_where_nothing_is_to_be_done_nothing_happens(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    async with receiving() as receiver, working(settings):
        before = await done_by(api, tenant, tenant.body(callback=receiver.url))
        process_id = before["process_id"]
        await asyncio.wait_for(receiver.arrived.wait(), 10)
        run = await field(shared_store, process_id, "run")
        assert (await api.retry(tenant, process_id)).words == [told(200, process_id)]
        assert await field(shared_store, process_id, "run") == run
        after = await api.status(tenant, process_id)
        assert (after["status"], after["attempt"]) == ("FINISHED", 0)
        assert len(after["callbacks"]) == 1
        answer = await api.retry(tenant, process_id, all=True)
        assert answer.words == [told(200, process_id, 1)]


async def test_an_id_that_is_named_twice_is_answered_once(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    first, second = [await failed(api, shared_store, tenant) for _ in range(2)]
    answer = await api.retry(tenant, first, "x", second, first, "x", first)
    assert answer.words == [told(200, first, 1), told(404, "x"), told(200, second, 1)]
    assert (await api.status(tenant, first))["attempt"] == 1


async def test_each_retry_is_a_further_attempt(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await failed(api, shared_store, tenant)
    for attempt in (1, 2, 3):
        assert (await api.retry(tenant, process_id)).words == [told(200, process_id, attempt)]
        assert (await api.retry(tenant, process_id)).words == [told(409, process_id)]
        shown = await api.status(tenant, process_id)
        assert (shown["attempt"], shown["status"]) == (attempt, "QUEUED")
        await end(shared_store, await claimed(shared_store, process_id), failing=True)


async def some_done(api: Api, store: Store, tenant: Tenant) -> str:
    """Have a process of three jobs, of which the second is done and the others failed."""
    process_id = await api.create(tenant, tenant.body("a.png", "b.png", "c.png"))
    claim = await claimed(store, process_id)
    results = done(1) + failures([0, 2], SourceCorrupt("broken"))
    await write(store, claim, results, ending(claim, "FAILED"))
    return process_id


@pytest.mark.parametrize(
    ("fields", "statuses"),
    [
        ({}, ["QUEUED", "DONE", "QUEUED"]),
        ({"all": False}, ["QUEUED", "DONE", "QUEUED"]),
        ({"all": True}, ["QUEUED", "QUEUED", "QUEUED"]),
        ({"all": "true"}, ["QUEUED", "QUEUED", "QUEUED"]),
    ],
)
async def test_only_what_is_not_done_runs_again_unless_all_is_asked(
    api: Api, shared_store: Store, tenant: Tenant, fields: Words, statuses: list[str]
) -> None:
    process_id = await some_done(api, shared_store, tenant)
    await api.retry(tenant, process_id, **fields)
    jobs = (await api.status(tenant, process_id))["jobs"]
    assert [job["status"] for job in jobs] == statuses
    assert all("error" not in job for job in jobs)
    assert ["sha256" in job for job in jobs] == [status == "DONE" for status in statuses]


async def test_a_retry_is_dispatched_under_a_new_name(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await failed(api, shared_store, tenant)
    run = await field(shared_store, process_id, "run")
    await api.retry(tenant, process_id)
    assert await field(shared_store, process_id, "run") == run + 1


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"process_ids": []}, "invalid_request", "process_ids"),
        ({"process_ids": None}, "invalid_request", "process_ids"),
        ({"process_ids": "abc"}, "invalid_request", "process_ids"),
        ({"process_ids": [1]}, "invalid_request", "process_ids[0]"),
        ({"process_ids": ["a"] * 1001}, "limit_exceeded", "process_ids"),
        ({"all": "perhaps"}, "invalid_request", "all"),
        ({"process_id": "a"}, "unknown_field", "process_id"),
        ({"service_id": "x"}, "invalid_request", "service_id"),
    ],
)
async def test_a_bad_field_is_named(
    api: Api, tenant: Tenant, change: Words, code: str, path: str
) -> None:
    body = {"service_id": tenant.service_id, "process_ids": [new_process_id()]}
    answer = await api.ask("POST", "/retry", tenant, body | change)
    assert answer.status == 400
    assert (answer.words["code"], answer.words["path"]) == (code, path)


async def test_as_many_ids_as_are_allowed(api: Api, tenant: Tenant) -> None:
    ids = [new_process_id() for _ in range(1000)]
    assert (await api.retry(tenant, *ids)).words == [told(404, name) for name in ids]
