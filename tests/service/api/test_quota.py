"""Quotas count jobs, in Valkey for all processes of the API, here when it is away."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from service.api.quota import Budget, Quota
from service.dispatch import connect
from service.errors import RateLimited
from service.ids import new_process_id
from service.settings import Settings
from service.store import Holder, Store
from tests.service.harness.api_client import Answer, Api, serving
from tests.service.harness.clock import Clock
from tests.service.harness.records import claimed, end, recorded
from tests.service.harness.tenants import Tenant, add_tenant

NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def opened(url: str, settings: Settings, clock: Clock | None = None) -> AsyncIterator[Quota]:
    redis = connect(url)
    quota = Quota(redis, settings, clock) if clock else Quota(redis, settings)
    yield quota
    await quota.close()
    await redis.aclose()


@pytest.fixture
async def local(settings: Settings, clock: Clock) -> AsyncIterator[Quota]:
    """One whose Valkey is not there."""
    async for quota in opened(NOWHERE, settings, clock):
        yield quota


@pytest.fixture
async def shared(settings: Settings) -> AsyncIterator[Quota]:
    async for quota in opened(settings.redis_url, settings):
        yield quota


@pytest.fixture
async def beside(settings: Settings) -> AsyncIterator[Quota]:
    """The quota of another process of the API."""
    async for quota in opened(settings.redis_url, settings):
        yield quota


SERVICES = iter(range(10**9, 10**10))


def holder(quota: int | None, service_id: int | None = None) -> Holder:
    service_id = service_id or next(SERVICES)
    return Holder(
        service_id=service_id,
        disabled=False,
        jobs_a_minute=quota,
        storage_url="file:///x",
        ignores_store=False,
    )


async def admit(quota: Quota, asker: Holder) -> Budget | None:
    budget = await quota.admit(asker)
    if budget is not None:
        budget.check()
    return budget


async def allowed(quota: Quota, asker: Holder, tries: int = 1000) -> int:
    """Count the requests that are let through before the first that is not."""
    for count in range(tries):
        try:
            await admit(quota, asker)
        except RateLimited:
            return count
    return tries


async def test_without_a_quota_nobody_is_refused(local: Quota) -> None:
    assert await allowed(local, holder(None), 100) == 100


@pytest.mark.parametrize("which", ["local", "shared"])
async def test_a_minutes_quota_may_be_used_at_once(
    which: str, request: pytest.FixtureRequest, local: Quota, shared: Quota
) -> None:
    quota, asker = {"local": local, "shared": shared}[which], holder(6)
    assert await allowed(quota, asker) == 6
    assert await allowed(quota, asker) == 0


async def test_a_quota_comes_back_second_by_second(local: Quota, clock: Clock) -> None:
    asker = holder(60)
    await allowed(local, asker)
    clock.now += 0.9
    assert await allowed(local, asker) == 0
    clock.now += 0.2
    assert await allowed(local, asker) == 1
    clock.now += 10
    assert await allowed(local, asker) == 10
    clock.now += 3600
    assert await allowed(local, asker) == 60


@pytest.mark.parametrize("size", [1, 3, 7, 60])
async def test_who_comes_again_after_retry_after_is_let_in(
    local: Quota, clock: Clock, size: int
) -> None:
    asker = holder(size)
    await allowed(local, asker)
    with pytest.raises(RateLimited) as caught:
        await admit(local, asker)
    assert caught.value.retry_after == math.ceil(60 / size)
    clock.now += caught.value.retry_after
    await admit(local, asker)


async def test_being_refused_costs_nothing(local: Quota, clock: Clock) -> None:
    asker = holder(60)
    await allowed(local, asker)
    for _ in range(8):
        clock.now += 0.125
        assert await allowed(local, asker) == (clock.now >= 1001)


async def test_a_quota_that_is_lowered_counts_from_now_on(local: Quota) -> None:
    asker = holder(100)
    await admit(local, asker)
    assert await allowed(local, holder(10, asker.service_id)) in {9, 10}


@pytest.mark.parametrize("which", ["local", "shared"])
async def test_what_a_request_takes_too_much_is_owed(
    which: str, local: Quota, shared: Quota, clock: Clock
) -> None:
    quota, asker = {"local": local, "shared": shared}[which], holder(10)
    await admit(quota, asker)
    quota.charge(asker, 63)
    with pytest.raises(RateLimited) as caught:
        await admit(quota, asker)
    assert 325 <= caught.value.retry_after <= 330  # 64 of 10 a minute, and one more
    if which == "local":
        clock.now += caught.value.retry_after
        await admit(quota, asker)


async def test_processes_of_the_api_count_together(shared: Quota, beside: Quota) -> None:
    asker = holder(20)
    counts = await asyncio.gather(*(allowed(q, asker) for q in (shared, beside) * 3))
    assert sum(counts) == 20
    assert await allowed(shared, holder(20)) == 20  # another service has its own


async def test_a_valkey_that_hangs_costs_little_and_is_asked_again(
    settings: Settings, clock: Clock
) -> None:
    """It is a server that takes connections and says nothing."""
    asked = 0

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    quick = msgspec.structs.replace(settings, quota_seconds=0.05)
    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async for quota in opened(f"redis://127.0.0.1:{port}", quick, clock):
            asker = holder(5)
            async with asyncio.timeout(3):
                assert await allowed(quota, asker) == 5
            assert asked == 1
            clock.now += 2
            await quota.admit(asker)
            assert asked == 2


async def test_a_valkey_that_is_back_counts_on(settings: Settings, clock: Clock) -> None:
    async for quota in opened(settings.redis_url, settings, clock):
        asker = holder(5)
        assert await allowed(quota, asker, 2) == 2
        redis = connect(settings.redis_url)
        await redis.script_flush()  # as a restart does
        assert await allowed(quota, asker) == 3
        assert 0 < await redis.pttl(f"darkroom:quota:{asker.service_id}") <= 61_000
        await redis.aclose()


@pytest.fixture
async def limited(shared_store: Store, tmp_path: Path) -> Tenant:
    """A service with a quota of 600 jobs a minute: one each tenth of a second."""
    return await add_tenant(shared_store, tmp_path / "limited", jobs_a_minute=600)


async def full_at(url: str, tenant: Tenant, moment: float | None = None) -> float:
    """Tell, or say, when the bucket of a service will be full again."""
    redis, key = connect(url), f"darkroom:quota:{tenant.service_id}"
    if moment is not None:
        await redis.set(key, moment)
    found = await redis.get(key)
    await redis.aclose()
    return float(found)


async def cost(api: Api, settings: Settings, limited: Tenant, ask: Awaitable[Answer]) -> int:
    """How many jobs an answer cost; the bucket is never full meanwhile, so none is forgotten."""
    before = await full_at(settings.redis_url, limited, time.time() + 30)
    await ask
    await api.get(limited, new_process_id())  # counted after all that the answer cost
    taken = await full_at(settings.redis_url, limited) - before
    return round(taken * 10) - 1


async def test_each_call_costs_the_jobs_that_it_queues(
    api: Api, settings: Settings, shared_store: Store, limited: Tenant
) -> None:
    counted = partial(cost, api, settings, limited)
    names = [f"{index}.png" for index in range(40)]
    keyed = {"Idempotency-Key": "a"}
    assert await counted(api.get(limited, new_process_id())) == 1
    assert await counted(api.post(limited, limited.body(*names), keyed)) == 40
    assert await counted(api.post(limited, limited.body(*names), keyed)) == 1
    assert await counted(api.post(limited, b"{}")) == 1
    assert await counted(api.ask("POST", "/explain", limited, limited.body(*names))) == 40
    ids = [await recorded(shared_store, limited, *names) for _ in range(3)]
    for process_id in ids:
        await end(shared_store, await claimed(shared_store, process_id), failing=True)
    assert await counted(api.retry(limited, *ids, new_process_id(), ids[0])) == 121


async def test_every_answer_says_what_is_left(api: Api, limited: Tenant) -> None:
    for body in (limited.body(), b"{}"):
        answer = await api.post(limited, body)
        assert answer.headers["RateLimit-Policy"] == '"jobs";q=600;w=60'
        found = re.fullmatch(r'"jobs";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
        assert found
        assert 590 <= int(found[1]) <= 599
        assert 1 <= int(found[2]) <= 2


async def test_a_retry_is_paid_for_before_the_next(
    api: Api, shared_store: Store, tmp_path: Path
) -> None:
    small = await add_tenant(shared_store, tmp_path / "small", jobs_a_minute=6)
    ids = [await recorded(shared_store, small, *(f"{i}.png" for i in range(64))) for _ in "ab"]
    for process_id in ids:
        await end(shared_store, await claimed(shared_store, process_id), failing=True)
    assert (await api.retry(small, *ids)).status == 200
    refused = await api.get(small, ids[0])
    assert refused.status == 429
    assert 1220 <= int(refused.headers["Retry-After"]) <= 1230  # 128 of 6 a minute, less 6
    assert refused.headers["RateLimit"].startswith('"jobs";r=0;t=')


async def test_the_api_counts_on_without_valkey(
    settings: Settings, shared_store: Store, tmp_path: Path
) -> None:
    alone = msgspec.structs.replace(settings, redis_url=NOWHERE)
    limited = await add_tenant(shared_store, tmp_path / "alone", jobs_a_minute=3)
    async with serving(alone) as api:
        statuses = [(await api.get(limited, new_process_id())).status for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
