"""Workers as operators run them: asked to stop, killed, followed by others."""

import signal

import msgspec
import pytest

from service.dev.stack import free_port
from service.settings import Settings
from service.store import Store
from service.worker.heartbeat import Heartbeat
from tests.service.harness.api_client import Api
from tests.service.harness.records import field, set_row
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import (
    ended,
    outcomes,
    reached,
    scraped,
    until,
    worker_process,
    working,
)


@pytest.fixture(scope="module")
async def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, lease_seconds=1.0, drain_seconds=0.3, slow_seconds=60.0
    )


async def test_a_worker_that_is_asked_to_stop_finishes_or_gives_back(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    async with worker_process(settings, afresh=True) as worker:
        done = await ended(api, tenant, await api.create(tenant, tenant.body("a.png")))
        assert done["status"] == "FINISHED"
        worker.stop_rendering()
        process_id = await api.create(tenant, tenant.body("b.png"))
        await reached(api, tenant, process_id, {"PROCESSING"})
        assert await worker.end(signal.SIGTERM) == 0
    row = await field(shared_store, process_id, "(status, run, errors, crashes, worker)")
    assert row == ("QUEUED", 1, 0, 0, None)
    async with working(settings):
        assert (await ended(api, tenant, process_id))["status"] == "FINISHED"


async def test_what_a_killed_worker_held_is_done_by_another(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    async with worker_process(settings, afresh=True) as worker:
        worker.stop_rendering()
        ids = [await api.create(tenant, tenant.body(f"{i}.png")) for i in range(3)]
        for process_id in ids[:2]:  # as many as a worker with one slot takes
            await reached(api, tenant, process_id, {"PROCESSING"})
        assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
    async with working(settings):
        for process_id in ids:
            status = await ended(api, tenant, process_id)
            assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"])
    crashes = [await field(shared_store, process_id, "(run, crashes)") for process_id in ids]
    assert crashes == [(2, 1), (2, 1), (1, 0)]
    assert tenant.files() == {"in.png", "0.png", "1.png", "2.png"}


async def test_work_that_has_lost_ten_workers_is_not_tried_again(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await api.create(tenant, tenant.body("a.png", "b.png"))
    await set_row(shared_store, process_id, crashes="10")
    async with working(settings):
        status = await ended(api, tenant, process_id)
        assert (status["status"], outcomes(status)) == ("FAILED", ["quarantined"] * 2)
        await api.retry(tenant, process_id)  # somebody has looked at it and wants it
        assert (await ended(api, tenant, process_id))["status"] == "FINISHED"


async def test_all_done_but_the_end_is_ended_by_the_next(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    """A worker that dies between its last image and the final commit, again and again."""
    process_id = await api.create(tenant, tenant.body("a.png"))
    async with working(settings):
        await ended(api, tenant, process_id)
    (tenant.folder / "in.png").unlink()
    await set_row(
        shared_store, process_id, status="'PROCESSING'", crashes="7",
        lease_until="now() - interval '1 second'",
    )  # fmt: skip
    async with working(settings):
        status = await ended(api, tenant, process_id)
    assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"])


async def test_a_loop_that_fails_is_reported_by_readiness_until_it_is_steady(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.supervisor.STEADY_SECONDS", 0.5)
    beat = Heartbeat.beat

    async def fail(_: Heartbeat) -> None:
        monkeypatch.setattr(Heartbeat, "beat", beat)
        raise ZeroDivisionError

    monkeypatch.setattr(Heartbeat, "beat", fail)
    settings = msgspec.structs.replace(settings, metrics_port=free_port())
    async with working(settings) as running:

        async def told() -> bool:
            return await running.readiness.reason() == "tasks down: heartbeat"

        async def ready() -> bool:
            return await running.readiness.reason() is None

        await until(told)
        await until(ready)
        assert await scraped(settings, 'darkroom_task_restarts_total{task="heartbeat"}') == 1
