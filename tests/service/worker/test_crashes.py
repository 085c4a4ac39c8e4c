"""Children that die or hang and leases that are lost, in the middle of real work."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from service.dev.stack import free_port
from service.settings import Settings
from service.store import Leases, Store
from service.worker.worker import Running
from tests.service.harness.api_client import Api
from tests.service.harness.records import field, set_row
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import done_by, ended, outcomes, scraped, until, working
from tests.service.sandbox.sandboxes import until as until_now
from tests.service.worker.faulty_sandbox import FaultySandbox

FENCED = "darkroom_fenced_writes_total"


@pytest.fixture(scope="module")
async def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, metrics_port=free_port(), render_seconds=4.0, lease_seconds=1.0, slow_seconds=60.0
    )


@pytest.fixture(scope="module")
async def sandboxes() -> AsyncIterator[list[FaultySandbox]]:
    """Give workers faulty children; the sandboxes that they open are found here."""
    opened: list[FaultySandbox] = []

    def open_faulty(*given: Any, **options: Any) -> FaultySandbox:
        opened.append(FaultySandbox(*given, **options))
        return opened[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.sandbox.setup.Sandbox", open_faulty)
        yield opened


@pytest.fixture(scope="module", autouse=True)
async def worker(settings: Settings, sandboxes: list[FaultySandbox]) -> AsyncIterator[Running]:
    async with working(settings) as running:
        yield running


@pytest.fixture
def sandbox(sandboxes: list[FaultySandbox], worker: Running) -> FaultySandbox:
    sandboxes[0].reasons()
    return sandboxes[0]


async def take_over(store: Store, process_id: str) -> None:
    """Be the worker that follows; in one step, or this one's own reconciler came first."""
    await set_row(
        store, process_id, run="run + 1", worker="'another'",
        lease_until="now() + interval '1 minute'",
    )  # fmt: skip


def published(tenant: Tenant, name: str) -> Callable[[], Any]:
    """Whether an image is there, which shows that its successor is being worked on."""

    async def there() -> bool:
        return name in tenant.files()

    return there


def recorded(api: Api, tenant: Tenant, process_id: str) -> Callable[[], Any]:
    """Whether the first job is recorded as done, which comes after its image."""

    async def there() -> bool:
        return outcomes(await api.status(tenant, process_id))[0] == "DONE"

    return there


async def test_a_child_that_is_killed_from_outside_costs_nobody_anything(
    api: Api, shared_store: Store, sandbox: FaultySandbox, tenant: Tenant
) -> None:
    process_id = await api.create(tenant, tenant.body("a.png", "b-stall.png", "c.png"))
    await until(published(tenant, "a.png"))
    killed = sandbox.pids  # the one that works, and whatever rests
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    status = await ended(api, tenant, process_id)
    assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"] * 3)
    await until_now(lambda: len(sandbox.exits) >= len(killed))
    assert sandbox.reasons() == ["crashed"] * len(killed)
    assert await field(shared_store, process_id, "(run, errors, crashes)") == (1, 0, 0)


async def test_work_that_always_kills_its_child_is_quarantined(
    api: Api, settings: Settings, sandbox: FaultySandbox, tenant: Tenant
) -> None:
    before = await scraped(settings, "darkroom_quarantined_total")
    status = await done_by(api, tenant, tenant.body("a.png", "kill.png", "c.png"))
    assert (status["status"], outcomes(status)) == ("FAILED", ["DONE", "quarantined", "DONE"])
    assert len(sandbox.reasons()) == 3
    assert await scraped(settings, "darkroom_quarantined_total") == before + 1
    assert (await done_by(api, tenant))["status"] == "FINISHED"


async def test_a_source_that_kills_is_not_tried_from_another_process(
    api: Api, shared_store: Store, sandbox: FaultySandbox, tenant: Tenant, stranger: Tenant
) -> None:
    assert outcomes(await done_by(api, tenant, tenant.body("kill.png"))) == ["quarantined"]
    assert sandbox.reasons() == ["crashed"] * 3
    status = await done_by(api, tenant, tenant.body("a.png", "b-kill.png"))
    assert outcomes(status) == ["source_quarantined"] * 2
    assert sandbox.reasons() == []
    assert (await done_by(api, stranger))["status"] == "FINISHED"
    tenant.put("in.png", tenant.read("in.png") + b" ")
    assert (await done_by(api, tenant))["status"] == "FINISHED"
    tenant.put("in.png", tenant.read("in.png")[:-1])
    words = status["jobs"][0]["error"]["message"].split()
    assert words[-3:-1] == ["lift-quarantine", str(tenant.service_id)]
    assert await shared_store.quarantine.lift(tenant.service_id, words[-1])
    assert (await done_by(api, tenant))["status"] == "FINISHED"


async def test_work_that_never_ends_is_stopped(
    api: Api, settings: Settings, sandbox: FaultySandbox, tenant: Tenant
) -> None:
    status = await done_by(api, tenant, tenant.body("hang.png"))
    assert (status["status"], outcomes(status)) == ("FAILED", ["timeout"])
    assert "4 s" in status["jobs"][0]["error"]["message"]
    assert sandbox.reasons() == ["timeout"]
    assert (await done_by(api, tenant))["status"] == "FINISHED"


async def test_a_long_work_keeps_its_lease(
    api: Api, shared_store: Store, sandbox: FaultySandbox, tenant: Tenant
) -> None:
    body = tenant.body(*(f"stall-{i}.png" for i in range(3)))
    status = await done_by(api, tenant, body)  # longer than a lease
    assert status["status"] == "FINISHED"
    assert await field(shared_store, status["process_id"], "(run, errors, crashes)") == (1, 0, 0)


async def test_whoever_lost_its_lease_stops_and_writes_nothing_more(
    api: Api, settings: Settings, shared_store: Store, sandbox: FaultySandbox, tenant: Tenant
) -> None:
    before = await scraped(settings, FENCED)
    process_id = await api.create(tenant, tenant.body("a.png", "b-hang.png", "c.png"))
    await until(recorded(api, tenant, process_id))
    await take_over(shared_store, process_id)

    async def fenced() -> bool:
        return await scraped(settings, FENCED) == before + 1

    await until(fenced)
    await until_now(lambda: bool(sandbox.exits))
    assert sandbox.reasons() == ["cancelled"]
    assert tenant.files() == {"in.png", "a.png"}
    assert outcomes(await api.status(tenant, process_id)) == ["DONE", "QUEUED", "QUEUED"]
    assert await field(shared_store, process_id, "(status, run, worker)") == (
        "PROCESSING",
        2,
        "another",
    )
    assert (await done_by(api, tenant))["status"] == "FINISHED"  # the slot is free again


async def test_what_is_cancelled_in_postgres_alone_is_stopped(
    api: Api,
    settings: Settings,
    sandbox: FaultySandbox,
    shared_store: Store,
    tenant: Tenant,
) -> None:
    before = await scraped(settings, FENCED)
    process_id = await api.create(tenant, tenant.body("a.png", "b-stall-hang.png", "c.png"))
    await until(recorded(api, tenant, process_id))
    cancelled = await shared_store.processes.cancel_process(process_id, None, lambda *_: None)
    assert cancelled is not None
    assert cancelled.process.cancelling
    status = await ended(api, tenant, process_id)
    assert (status["status"], outcomes(status)) == ("FAILED", ["DONE", "cancelled", "cancelled"])
    await until_now(lambda: bool(sandbox.exits))
    assert tenant.files() == {"in.png", "a.png"}
    assert sandbox.reasons() == ["cancelled"]
    assert await scraped(settings, FENCED) == before


async def test_an_end_that_takes_long_is_no_lost_lease(
    api: Api, settings: Settings, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is not leased any more, the worker is not through yet, and its heart beats."""
    record = Leases.record

    async def record_slowly(self: Leases, *given: Any) -> object:
        recorded = await record(self, *given)
        await asyncio.sleep(0.5)
        return recorded

    monkeypatch.setattr(Leases, "record", record_slowly)
    completed = 'darkroom_processes_completed_total{error_code="",outcome="FINISHED"}'
    lost, before = await scraped(settings, FENCED), await scraped(settings, completed)
    await done_by(api, tenant)

    async def counted() -> bool:
        return await scraped(settings, completed) == before + 1

    await until(counted)
    assert await scraped(settings, FENCED) == lost


async def test_a_drain_gives_back_what_it_cannot_finish_uncounted(
    api: Api, settings: Settings, shared_store: Store, worker: Running, tenant: Tenant
) -> None:
    """The last test here: afterwards the module's worker takes nothing any more."""
    process_id = await api.create(tenant, tenant.body("a.png", "b-stall.png", "c.png"))
    await until(published(tenant, "a.png"))
    await worker.drain(0)
    assert await field(shared_store, process_id, "(status, run, errors, crashes)") == (
        "QUEUED",
        1,
        0,
        0,
    )
    later = await api.create(tenant, tenant.body("d.png"))
    await asyncio.sleep(0.3)
    assert (await api.status(tenant, later))["status"] == "QUEUED"
    patient = msgspec.structs.replace(settings, metrics_port=0, render_seconds=60.0)
    async with working(patient):
        status = await ended(api, tenant, process_id)
        assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"] * 3)
        assert (await ended(api, tenant, later))["status"] == "FINISHED"
    assert await field(shared_store, process_id, "(run, errors, crashes)") == (2, 0, 0)
