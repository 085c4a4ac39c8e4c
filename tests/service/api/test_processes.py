"""Lists, waiting, many requests in one, and callbacks again."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from service.settings import Settings
from service.store import Due, Store, Try
from tests.service.harness.api_client import Api, serving
from tests.service.harness.receiver import due
from tests.service.harness.records import claimed, claimed_new, end, field, recorded, set_row
from tests.service.harness.tenants import Tenant, add_tenant

MINUTE = timedelta(minutes=1)


async def listed(api: Api, tenant: Tenant, query: str = "") -> list[str]:
    answer = await api.ask("GET", f"/requests{query}", tenant)
    assert answer.status == 200, answer.raw
    return [row["process_id"] for row in answer.words["processes"]]


async def test_a_service_lists_its_own_processes(
    api: Api, store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    old = await recorded(store, tenant)
    await set_row(store, old, created_at="'2024-01-31T23:59:59.999Z'")
    failed = await claimed_new(store, tenant, "a.png", "b.png")
    await end(store, failed, failing=True)
    await recorded(store, stranger)
    assert await listed(api, tenant) == [failed.id, old]
    assert await listed(api, tenant, "?status=FAILED,FINISHED") == [failed.id]
    assert await listed(api, tenant, "?status=QUEUED&status=PROCESSING") == [old]
    assert await listed(api, tenant, "?created_after=2024-02-01T00:00:00Z") == [failed.id]
    assert await listed(api, tenant, "?created_before=2024-02-01 00:00:00") == [old]
    assert await listed(api, tenant, "?created_before=2024-02-01T00:59:59.999%2B01:00") == []
    [row, _] = (await api.ask("GET", "/requests", tenant)).words["processes"]
    assert row["jobs"] == {"total": 2, "done": 0, "failed": 2}
    assert row["error_codes"] == ["source_not_found"]
    status = await api.status(tenant, failed.id)
    assert row["updated_at_rfc3339"] == status["updated_at_rfc3339"]
    assert status["created_at_rfc3339"][:19] == status["created_at"].replace(" ", "T")


async def test_pages_follow_each_other_without_gaps(api: Api, store: Store, tenant: Tenant) -> None:
    ids = [await recorded(store, tenant) for _ in range(5)]
    await store.pool.execute("UPDATE processes SET created_at = '2024-01-01T08:00:00.000001Z'")
    seen, cursor = [], ""
    while True:
        page = (await api.ask("GET", f"/requests?limit=2{cursor}", tenant)).words
        seen += [row["process_id"] for row in page["processes"]]
        if "next_cursor" not in page:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(ids)
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("?status=DONE", "status"), ("?limit=0", "limit"), ("?limit=101", "limit"),
        ("?limit=x", "limit"), ("?cursor=x", "cursor"), ("?cursor=é", "cursor"),
        ("?created_after=yesterday", "created_after"), ("?page=2", "page"),
        ("?created_before=0001-01-01T00:00:00%2B05:00", "created_before"),
    ],
)  # fmt: skip
async def test_a_wrong_query_is_named(api: Api, tenant: Tenant, query: str, path: str) -> None:
    answer = await api.ask("GET", f"/requests{query}", tenant)
    assert (answer.status, answer.words["path"]) == (400, path)


async def test_an_answer_waits_for_the_end_of_a_process(
    api: Api, store: Store, tenant: Tenant
) -> None:
    process_id = await recorded(store, tenant, "a.png")
    waiting = [
        asyncio.create_task(api.ask("GET", f"/request/{process_id}?wait=20", tenant))
        for _ in range(3)
    ]
    soon = await api.ask("GET", f"/request/{process_id}?wait=0.2", tenant)
    assert soon.words["status"] == "QUEUED"
    assert not any(task.done() for task in waiting)
    await end(store, await claimed(store, process_id))
    answers = await asyncio.gather(*waiting)
    assert [answer.words["status"] for answer in answers] == ["FINISHED"] * 3
    wrong = await api.ask("GET", f"/request/{process_id}?wait=31", tenant)
    assert (wrong.status, wrong.words["path"]) == (400, "wait")


async def test_few_may_wait_and_nobody_waits_for_an_api_that_stops(
    settings: Settings, store: Store, tenant: Tenant
) -> None:
    process_id = await recorded(store, tenant, "a.png")
    path = f"/request/{process_id}?wait=20"
    async with serving(msgspec.structs.replace(settings, max_waiting=1)) as api:
        waiting = [asyncio.create_task(api.ask("GET", path, tenant)) for _ in range(2)]
        [refused], [waits] = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert (await refused).status == 503
        closing = asyncio.create_task(api.runner.cleanup())
        assert (await waits).words["status"] == "QUEUED"
        await closing


async def test_each_of_many_requests_has_its_own_answer(
    api: Api, store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    wrong = tenant.body("c.png", priority="urgent")
    bodies = [tenant.body("a.png", "b.png"), wrong, stranger.body(), tenant.body("d.png")]
    answer = await api.ask("POST", "/requests", tenant, bodies, {"X-Request-Id": "many"})
    first, invalid, foreign, last = answer.words
    assert [each["status"] for each in answer.words] == [200, 400, 403, 200]
    assert (invalid["path"], invalid["code"]) == ("priority", "invalid_request")
    assert (foreign["path"], foreign["code"]) == ("service_id", "forbidden")
    assert await listed(api, tenant) == sorted(
        [first["process_id"], last["process_id"]], reverse=True
    )
    moments = await store.pool.fetchval("SELECT count(DISTINCT created_at) FROM processes")
    assert moments == 1, "one transaction"
    assert await field(store, last["process_id"], "request_id") == "many"
    assert (await api.status(tenant, first["process_id"]))["jobs"][1]["destination"] == "b.png"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"service_id": 1}, "invalid_request"), ([], "invalid_request"),
        (b"[{", "invalid_json"), ([1] * 101, "limit_exceeded"),
    ],
)  # fmt: skip
async def test_what_is_no_array_of_requests_is_refused(
    api: Api, tenant: Tenant, body: object, code: str
) -> None:
    answer = await api.ask("POST", "/requests", tenant, body)
    assert (answer.status, answer.words["code"]) == (400, code)


async def test_many_requests_are_safe_to_repeat(api: Api, store: Store, tenant: Tenant) -> None:
    key = {"Idempotency-Key": "orders"}
    bodies = [tenant.body("a.png"), {}, tenant.body("b.png")]
    first = await api.ask("POST", "/requests", tenant, bodies, key)
    again = await api.ask("POST", "/requests", tenant, bodies, key)
    assert again.words == first.words
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await api.ask("POST", "/requests", tenant, [*bodies, tenant.body("c.png")], key)
    alone = await api.post(tenant, bodies[0], key)
    assert (other.status, alone.status) == (422, 422)
    assert len(await listed(api, tenant)) == 2


async def test_many_requests_count_as_their_jobs(
    settings: Settings, store: Store, tenant: Tenant
) -> None:
    limited = await add_tenant(store, tenant.folder, jobs_a_minute=10)
    async with serving(settings) as api:
        bodies = [limited.body("a.png", "b.png"), limited.body("c.png"), {}]
        assert (await api.ask("POST", "/requests", limited, bodies)).status == 200
        left = (await api.ask("GET", "/requests", limited)).headers["RateLimit"]
    assert left.startswith('"jobs";r=5;')


async def test_a_callback_is_sent_again(
    api: Api, store: Store, tenant: Tenant, stranger: Tenant
) -> None:
    callback = await due(store, tenant, "https://shop.example/hook")
    [row] = await store.administration.callbacks(tenant.service_id, None, 9)
    [held] = await store.deliveries.claim([Due(id=callback, tries=0)], MINUTE, 9)
    tried = Try(delivery=held, status="DELIVERED", answered=200, error=None)
    await store.deliveries.record_tries([tried])
    path = f"/request/{row.process_id}/callbacks/{callback}/redeliver"
    assert (await api.ask("POST", path, stranger)).status == 404
    assert (await api.ask("POST", path.replace(callback, "msg_x%00"), tenant)).status == 404
    answer = await api.ask("POST", path, tenant)
    assert answer.status == 200
    assert (answer.words["id"], answer.words["status"]) == (callback, "PENDING")
    assert answer.words["next_try_at_rfc3339"].endswith("Z")
    [again] = await store.deliveries.claim([Due(id=callback, tries=0)], MINUTE, 9)
    assert again.body == held.body
