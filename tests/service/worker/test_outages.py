"""Postgres goes away in the middle of work, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from service.embedded import Postgres
from service.settings import Settings
from service.store import Store, migrate, open_store
from tests.service.harness.api_client import serving
from tests.service.harness.receiver import receiving
from tests.service.harness.tenants import Tenant, add_tenant
from tests.service.harness.workers import ended, outcomes, until, working
from tests.service.worker.faulty_sandbox import FaultySandbox


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    async with Postgres(tmp_path / "postgres", durable=False) as server:
        await migrate(server.dsn)
        yield server


@pytest.fixture
def own_settings(settings: Settings, own_postgres: Postgres) -> Settings:
    return msgspec.structs.replace(
        settings, database_url=own_postgres.dsn, lease_seconds=1.0, dispatch_grace_seconds=0.5
    )


@pytest.fixture
async def own_store(own_postgres: Postgres) -> AsyncIterator[Store]:
    async with open_store(own_postgres.dsn, size=2) as opened:
        yield opened


@pytest.mark.usefixtures("faulty")
async def test_a_worker_outlives_its_postgres_and_ends_what_it_began(
    own_settings: Settings, own_postgres: Postgres, own_store: Store, tmp_path: Path
) -> None:
    tenant = await add_tenant(own_store, tmp_path / "storage")
    async with receiving() as receiver, serving(own_settings) as api, working(own_settings):
        body = tenant.body("a.png", "b-stall.png", "c.png", callback=receiver.url)
        process_id = await api.create(tenant, body)
        await until(lambda: is_there(tenant, "a.png"))
        with capture_logs() as logs:
            await own_postgres.kill()
            await asyncio.sleep(1.0)  # longer than the work takes
            await own_postgres.start()
            status = await ended(api, tenant, process_id)
        assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"] * 3)
        assert [line["event"] for line in logs].count("dependency_unavailable") == 1
        await asyncio.wait_for(receiver.arrived.wait(), 10)
        later = await api.create(tenant, tenant.body("d.png"))
        assert (await ended(api, tenant, later))["status"] == "FINISHED"


async def is_there(tenant: Tenant, name: str) -> bool:
    return name in tenant.files()


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.sandbox.setup.Sandbox", FaultySandbox)
