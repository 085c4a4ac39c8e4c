"""Idempotency-Key: one process for many tries of one request."""

import asyncio
from typing import Any

import pytest

from service.settings import Settings
from service.store import Store
from tests.service.harness.api_client import Answer, Api, serving
from tests.service.harness.records import waits_for_a_lock
from tests.service.harness.tenants import Tenant, Words, raw_json
from tests.service.harness.workers import until

REPLAYS = "darkroom_idempotent_replays_total"


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def processes_of(store: Store, tenant: Tenant) -> int:
    count: int = await store.pool.fetchval(
        "SELECT count(*) FROM processes WHERE service_id = $1", tenant.service_id
    )
    return count


async def test_the_same_key_and_body_give_the_first_answer_again(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    replays = await api.metric(REPLAYS)
    first = await api.post(tenant, tenant.body(), keyed("k"))
    assert first.status == 200
    assert "Idempotent-Replayed" not in first.headers
    for _ in range(2):
        again = await api.post(tenant, tenant.body(), keyed("k"))
        assert (again.status, again.raw) == (200, first.raw)
        assert again.headers["Idempotent-Replayed"] == "true"
    assert await processes_of(shared_store, tenant) == 1
    assert await api.metric(REPLAYS) == replays + 2


async def test_without_a_key_each_request_is_a_process(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    ids = {await api.create(tenant) for _ in range(3)}
    assert len(ids) == await processes_of(shared_store, tenant) == 3


async def test_the_same_key_with_another_body_is_refused(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    await api.post(tenant, tenant.body("a.png"), keyed("k"))
    answer = await api.post(tenant, tenant.body("b.png"), keyed("k"))
    assert (answer.status, answer.words["code"]) == (422, "idempotency_mismatch")
    assert answer.words["message"]
    assert await processes_of(shared_store, tenant) == 1


async def test_a_key_belongs_to_its_service(api: Api, tenant: Tenant, stranger: Tenant) -> None:
    ours = await api.post(tenant, tenant.body(), keyed("k"))
    theirs = await api.post(stranger, stranger.body(), keyed("k"))
    assert (ours.status, theirs.status) == (200, 200)
    assert ours.words["process_id"] != theirs.words["process_id"]
    assert "Idempotent-Replayed" not in theirs.headers


async def test_a_refused_request_does_not_use_up_its_key(api: Api, tenant: Tenant) -> None:
    bad = await api.post(tenant, tenant.body() | {"source": "../x"}, keyed("k"))
    good = await api.post(tenant, tenant.body(), keyed("k"))
    assert (bad.status, good.status) == (400, 200)
    assert "Idempotent-Replayed" not in good.headers


async def test_a_second_request_while_the_first_is_in_flight(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    async with shared_store.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE idempotency_keys IN EXCLUSIVE MODE")
        first = asyncio.create_task(api.post(tenant, tenant.body(), keyed("k")))
        await until(lambda: waits_for_a_lock(shared_store))
        second = await api.post(tenant, tenant.body(), keyed("k"))
        assert (second.status, second.words["code"]) == (409, "idempotency_in_flight")
        assert second.words["message"]
        assert not first.done()
    assert (await first).status == 200
    third = await api.post(tenant, tenant.body(), keyed("k"))
    assert third.raw == first.result().raw
    assert third.headers["Idempotent-Replayed"] == "true"


async def test_a_key_survives_a_restart_of_the_api(settings: Settings, tenant: Tenant) -> None:
    async with serving(settings) as before:
        first = await before.post(tenant, tenant.body(), keyed("k"))
    async with serving(settings) as after:
        again = await after.post(tenant, tenant.body(), keyed("k"))
    assert (again.status, again.raw) == (200, first.raw)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_one_key_at_two_apis_at_once_makes_one_process(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    async with serving(settings) as another:
        for number in range(10):
            key = keyed(f"k{number}")
            answers = await asyncio.gather(
                *(place.post(tenant, tenant.body(), key) for place in (api, another))
            )
            assert [answer.status for answer in answers] == [200, 200]
            assert answers[0].raw == answers[1].raw
    assert await processes_of(shared_store, tenant) == 10


async def test_many_tries_at_once_make_one_process(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    answers = await asyncio.gather(
        *(api.post(tenant, tenant.body(), keyed("k")) for _ in range(20))
    )
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({answer.raw for answer in answers if answer.status == 200}) == 1
    assert await processes_of(shared_store, tenant) == 1


async def test_the_key_is_forgotten_after_its_time(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    first = await api.post(tenant, tenant.body("a.png"), keyed("k"))
    await shared_store.pool.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'"
    )
    second = await api.post(tenant, tenant.body("b.png"), keyed("k"))
    assert second.status == 200
    assert second.words["process_id"] != first.words["process_id"]


@pytest.mark.parametrize(
    ("key", "good"),
    [("", False), ("x" * 256, False), ("a\tb", False),
     ("x" * 255, True), ("a b/ü", True), ("0", True)],
)  # fmt: skip
async def test_what_a_key_may_be(api: Api, tenant: Tenant, key: str, good: bool) -> None:
    answer = await api.post(tenant, tenant.body(), keyed(key))
    assert answer.status == (200 if good else 400)
    assert good or "Idempotency-Key" in answer.words["message"]


async def test_a_bad_neighbour_in_a_batch_spoils_nothing(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    """Requests that arrive together are recorded together; each has an answer of its own."""

    def ask(words: Words, **headers: str) -> Any:
        return api.post(tenant, words, headers)

    await ask(tenant.body("first.png"), **keyed("used"))
    good = [ask(tenant.body(f"{i}.png")) for i in range(5)]
    kept = [ask(tenant.body(f"{i}.png"), **keyed(f"k{i}")) for i in range(5)]
    answers: list[Answer] = await asyncio.gather(
        *good,
        ask(tenant.body("other.png"), **keyed("used")),
        *kept,
        api.post(tenant, raw_json(tenant.body("x.png")).replace(b"x.png", b"x\\u0000.png")),
    )
    assert [answer.status for answer in answers] == [200] * 5 + [422] + [200] * 5 + [400]
    assert await processes_of(shared_store, tenant) == 11
