"""POST /request/{id}/cancel, of what waits, what runs and what has ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from click.testing import CliRunner

from service.cli import main
from service.ids import new_process_id
from service.settings import Settings, as_environment
from service.store import Store
from service.worker.fetcher import Fetcher
from tests.service.harness.api_client import Answer, Api
from tests.service.harness.receiver import receiving
from tests.service.harness.records import (
    DAY,
    LEASE,
    claimed,
    done,
    end,
    ending,
    field,
    let_lease_expire,
    set_row,
    write,
)
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import ended, outcomes, working


async def cancel(api: Api, tenant: Tenant, process_id: str) -> Answer:
    return await api.ask("POST", f"/request/{process_id}/cancel", tenant)


async def test_what_waits_has_ended_with_its_callback_and_can_be_retried(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    async with receiving() as receiver:
        process_id = await api.create(tenant, tenant.body("a.png", "b.png", callback=receiver.url))
        first, again = [await cancel(api, tenant, process_id) for _ in range(2)]
        assert (first.status, again.status) == (200, 200)
        assert first.words == again.words == await api.status(tenant, process_id)
        assert (first.words["status"], outcomes(first.words)) == ("FAILED", ["cancelled"] * 2)
        [callback] = first.words["callbacks"]
        assert (callback["status"], callback["attempt"]) == ("PENDING", 0)
        assert await shared_store.leases.claim([process_id], "w", LEASE) == []
        assert (await api.retry(tenant, process_id)).words[0]["status"] == 200
        async with working(settings):
            status = await ended(api, tenant, process_id)
    assert (status["status"], status["attempt"]) == ("FINISHED", 1)
    assert [each["attempt"] for each in status["callbacks"]] == [0, 1]


async def test_what_has_ended_stays_as_it_is(api: Api, shared_store: Store, tenant: Tenant) -> None:
    process_id = await api.create(tenant)
    await end(shared_store, await claimed(shared_store, process_id))
    before = await api.status(tenant, process_id)
    assert (await cancel(api, tenant, process_id)).words == before
    assert before["status"] == "FINISHED"


async def test_what_is_another_services_does_not_exist(
    api: Api, tenant: Tenant, stranger: Tenant
) -> None:
    process_id = await api.create(tenant)
    for asked in (process_id, new_process_id(), "x"):
        answer = await cancel(api, stranger, asked)
        assert (answer.status, answer.words["message"]) == (404, "Process not found")
    assert (await api.status(tenant, process_id))["status"] == "QUEUED"
    await cancel(api, tenant, process_id)  # no later worker is to take it


async def test_what_a_lost_worker_ran_is_ended_by_the_next_without_any_work(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await api.create(tenant, tenant.body("a.png", "b.png"))
    await write(shared_store, await claimed(shared_store, process_id), done(0))
    running = (await cancel(api, tenant, process_id)).words
    assert (running["status"], running["cancelling"]) == ("PROCESSING", True)
    await let_lease_expire(shared_store, process_id)
    await shared_store.leases.reap(1000)
    async with working(settings):
        status = await ended(api, tenant, process_id)
    assert (status["status"], outcomes(status)) == ("FAILED", ["DONE", "cancelled"])
    assert "cancelling" not in status
    assert tenant.files() == {"in.png"}


async def test_a_worker_that_gives_it_back_does_not_make_it_wait(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await api.create(tenant)
    claim = await claimed(shared_store, process_id)
    await cancel(api, tenant, process_id)
    later = ending(claim, "QUEUED", errors=1, due_after=DAY)
    await write(shared_store, claim, end=later)
    assert await field(shared_store, process_id, "due_at <= now()")
    await set_row(shared_store, process_id, status="'FINISHED'")


async def by_http(api: Api, tenant: Tenant, settings: Settings, process_id: str) -> None:
    del settings
    assert (await cancel(api, tenant, process_id)).words["cancelling"] is True


async def by_command(api: Api, tenant: Tenant, settings: Settings, process_id: str) -> None:
    del api, tenant
    environment = as_environment(msgspec.structs.asdict(settings))
    arguments = ["processes", "cancel", process_id]
    told = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=environment)
    assert told.output == f"{process_id}: cancelled; its worker is stopping it\n"


@pytest.mark.parametrize("cancel_it", [by_http, by_command])
async def test_a_running_one_is_stopped_long_before_its_lease_is_renewed(
    cancel_it: Callable[[Api, Tenant, Settings, str], Awaitable[None]],
    api: Api,
    settings: Settings,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetching = asyncio.Event()

    @asynccontextmanager
    async def hang(*_: object) -> AsyncIterator[None]:
        fetching.set()
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(Fetcher, "fetch", hang)
    async with working(msgspec.structs.replace(settings, lease_seconds=600.0)):
        process_id = await api.create(tenant)
        await fetching.wait()
        await cancel_it(api, tenant, settings, process_id)
        assert outcomes(await ended(api, tenant, process_id)) == ["cancelled"]
