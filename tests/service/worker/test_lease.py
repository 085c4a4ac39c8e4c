"""A worker that may have lost its lease makes nothing visible, whoever it asks or does not ask."""

import asyncio
import io
import os
import signal
from typing import BinaryIO

import msgspec
import pytest

from service.errors import LeaseLost
from service.metrics import Metrics
from service.sandbox.parent import Sandbox
from service.sandbox.parent.child_handle import Child
from service.sandbox.protocol import Output
from service.settings import Settings
from service.storage.folder import FolderStorage
from service.store import Store
from service.tasks import stop
from service.worker.heartbeat import Heartbeat
from service.worker.lease import MARGIN, Lease, clock
from service.worker.publisher import Publisher
from tests.engine.images import job
from tests.service.harness.api_client import Api
from tests.service.harness.records import claimed_new, field
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import ended, outcomes, reached, until, worker_process, working

FENCED = "darkroom_fenced_writes_total"


class Stopped(Lease):
    """A lease of a worker that is stopped for long after so many checks."""

    checks_left = 1

    def check(self) -> None:
        if not self.checks_left:
            self.renew(clock() - 3600)
        self.checks_left -= 1
        super().check()


def output(data: bytes) -> Output:
    return Output(
        file=io.BytesIO(data), size=len(data), format="png", width=1, height=1, frames=1,
        content_type="image/png", damaged=False, sha256="", milliseconds=1,
    )  # fmt: skip


async def test_a_lease_ends_by_our_own_clock_before_it_does_in_postgres(
    store: Store, tenant: Tenant
) -> None:
    claim = await claimed_new(store, tenant)
    Lease(claim, clock(), 30).check()
    Lease(claim, clock() - 30 * (1 - MARGIN) + 5, 30).check()
    lease = Lease(claim, clock() - 30 * (1 - MARGIN), 30)
    with pytest.raises(LeaseLost):
        lease.check()
    lease.renew(clock())
    lease.check()


async def test_the_clock_of_postgres_is_followed(store: Store, tenant: Tenant) -> None:
    lease = Lease(await claimed_new(store, tenant), clock(), 30)
    moment = await store.pool.fetchval("SELECT clock_timestamp()")
    seen = lease.now()
    assert lease.claim.claimed_at <= seen
    assert seen <= await store.pool.fetchval("SELECT clock_timestamp()")
    assert (moment - seen).total_seconds() < 5


async def test_a_beat_renews_by_the_time_at_which_it_was_sent(
    store: Store, tenant: Tenant, metrics: Metrics
) -> None:
    lease = Lease(await claimed_new(store, tenant), clock() - 3600, 30)
    heartbeat = Heartbeat(store.leases, 30, metrics)
    async with heartbeat.hold(lease):
        await heartbeat.beat()
        lease.check()


async def test_while_postgres_is_away_it_is_tried_far_more_often_than_a_lease_needs(
    store: Store, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat, failures = Heartbeat(store.leases, 9, metrics), asyncio.Queue[None]()

    async def fail() -> None:
        failures.put_nowait(None)
        raise ConnectionError("Postgres is unavailable")

    monkeypatch.setattr(heartbeat, "beat", fail)
    beating = asyncio.create_task(heartbeat.run())
    async with asyncio.timeout(2.5):  # two beats are 3 s apart
        for _ in range(2):
            await failures.get()
    await stop(beating)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="x", libvips="x")


@pytest.mark.parametrize("checks", [0, 1])
async def test_what_is_rendered_after_the_lease_is_not_published(
    store: Store, tenant: Tenant, metrics: Metrics, checks: int
) -> None:
    """Neither when it ran out before the storage was called, nor when it did while it wrote."""
    lease = Stopped(await claimed_new(store, tenant), clock(), 30)
    lease.checks_left = checks
    storage, before = FolderStorage(tenant.folder), tenant.files()
    outputs = [(i, job(destination=f"{i}.png"), output(b"late")) for i in range(2)]
    with pytest.raises(LeaseLost):
        await Publisher(metrics).publish(lease, storage, outputs)
    assert tenant.files() == before
    assert all(each.file.closed for _, _, each in outputs)


async def test_a_worker_that_was_stopped_for_longer_than_its_lease_changes_nothing(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    short = msgspec.structs.replace(settings, lease_seconds=1.0, slow_seconds=60.0)
    async with worker_process(short, afresh=True) as stalled:
        stalled.stop_rendering()
        process_id = await api.create(tenant, tenant.body("a.png", "b.png"))
        await reached(api, tenant, process_id, {"PROCESSING"})
        os.kill(stalled.process.pid, signal.SIGSTOP)
        async with working(settings):
            status = await ended(api, tenant, process_id)
        tenant.put("a.png", b"ours now")
        os.kill(stalled.process.pid, signal.SIGCONT)
        stalled.go_on_rendering()

        async def fenced() -> bool:
            return await stalled.scrape(FENCED) == 1

        await until(fenced)
    assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"] * 2)
    assert tenant.read("a.png") == b"ours now"
    assert await api.status(tenant, process_id) == status
    assert await field(shared_store, process_id, "(run, crashes)") == (2, 1)


async def test_what_makes_no_progress_is_given_up_and_tried_again(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    short = msgspec.structs.replace(
        settings, lease_seconds=2.0, process_seconds=0.7, storage_total_seconds=0.7
    )
    fetch = FolderStorage.fetch

    async def hang_once(self: FolderStorage, key: str, *, limit: int) -> BinaryIO:
        monkeypatch.setattr(FolderStorage, "fetch", fetch)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(FolderStorage, "fetch", hang_once)
    async with working(short):
        process_id = await api.create(tenant)
        status = await ended(api, tenant, process_id)
    assert status["status"] == "FINISHED"
    assert await field(shared_store, process_id, "(run, errors, crashes)") == (2, 1, 0)


async def test_who_only_waits_for_a_child_is_given_back_uncounted(
    api: Api, settings: Settings, shared_store: Store, tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    short = msgspec.structs.replace(
        settings, lease_seconds=2.0, process_seconds=0.7, storage_total_seconds=0.7, max_errors=0
    )
    acquire = Sandbox._acquire

    async def wait_once(self: Sandbox, owner: str, gone: Child | None) -> Child:
        monkeypatch.setattr(Sandbox, "_acquire", acquire)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Sandbox, "_acquire", wait_once)
    async with working(short):
        process_id = await api.create(tenant)
        status = await ended(api, tenant, process_id)
    assert status["status"] == "FINISHED"
    assert await field(shared_store, process_id, "(run, errors, crashes)") == (2, 0, 0)
