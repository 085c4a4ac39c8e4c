"""What any API tells of the backlog, with no worker, and what it tells while it does not know."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from service.backends.watch import Watch
from service.embedded import Postgres, Valkey
from service.metrics import Metrics
from service.settings import Settings
from service.store import Store, migrate, open_store
from tests.service.harness.api_client import metric, serving
from tests.service.harness.receiver import due
from tests.service.harness.records import claimed_new, recorded, set_row
from tests.service.harness.tenants import Tenant, add_tenant, quick
from tests.service.harness.workers import until


class Watched:
    """A watch that looks when it is told to."""

    def __init__(self, store: Store, settings: Settings, services: int = 0) -> None:
        self.metrics = Metrics(version="x", libvips="x", services=services)
        self.watch = Watch(store, settings, self.metrics)

    def number(self, line: str) -> float | None:
        shown = self.metrics.expose().decode()
        return metric(shown, f"darkroom_{line}") if f"\ndarkroom_{line} " in shown else None


@pytest.fixture
async def installation(database: str, valkey: Valkey) -> Settings:
    await migrate(database)
    return quick(database, valkey.url)


@pytest.fixture
async def records(installation: Settings) -> AsyncIterator[Store]:
    async with open_store(installation.database_url, size=2) as opened:
        yield opened


async def test_an_api_alone_reports_what_waits(
    settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    await shared_store.pool.execute("DELETE FROM processes")
    async with serving(msgspec.structs.replace(settings, watch_seconds=0.05)) as api:
        old = await api.create(tenant)
        await set_row(shared_store, old, queued_at="now() - interval '1 hour'")
        oldest = 'darkroom_queue_oldest_age_seconds{state="QUEUED"}'

        async def told() -> bool:
            return await api.metric(oldest) > 3590

        await until(told)
        assert await api.metric('darkroom_queue_depth{state="QUEUED"}') == 1
        assert await api.metric("darkroom_db_up") == 1
        assert b"darkroom_worker_slots" not in (await api.ask("GET", "/metrics")).raw


async def test_all_of_the_backlog_is_reported(
    records: Store, installation: Settings, tmp_path: Path
) -> None:
    tenant = await add_tenant(records, tmp_path / "a")
    await recorded(records, tenant)
    await claimed_new(records, tenant)
    await due(records, tenant, "http://receiver.example")
    await records.pool.execute("UPDATE deliveries SET created_at = now() - interval '1 hour'")
    watched = Watched(records, installation, services=3)
    await watched.watch.count()
    assert watched.number('queue_depth{state="QUEUED"}') == 1
    assert watched.number('queue_depth{state="PROCESSING"}') == 1
    assert watched.number("callback_pending") == 1
    assert 3590 < (watched.number("callback_oldest_age_seconds") or 0) < 3700
    assert watched.number(f'service_queue_depth{{service_id="{tenant.service_id}"}}') == 1
    await watched.watch.close()


async def test_what_postgres_does_not_report_is_absent(
    records: Store, installation: Settings, postgres: Postgres
) -> None:
    watched = Watched(records, installation)
    await watched.watch.count()
    assert watched.number("callback_pending") == 0
    name = await records.pool.fetchval("SELECT current_database()")
    admin = await asyncpg.connect(postgres.dsn)
    try:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        await watched.watch.count()
        assert watched.number("db_up") == 0
        for line in ('queue_depth{state="QUEUED"}', "callback_pending"):
            assert watched.number(line) is None
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()
    await watched.watch.count()
    assert watched.number("db_up") == 1
    assert watched.number('queue_depth{state="QUEUED"}') == 0
    await watched.watch.close()


async def test_redis_goes_and_comes(records: Store, installation: Settings, tmp_path: Path) -> None:
    async with Valkey(tmp_path / "valkey") as valkey:
        own = msgspec.structs.replace(installation, redis_url=valkey.url)
        watched = Watched(records, own)

        async def asked() -> tuple[float | None, float | None]:
            await watched.watch.ask_redis()
            return watched.number("redis_up"), watched.number("redis_reconnects_total")

        assert [await asked(), await asked()] == [(1, 0), (1, 0)]
        await valkey.kill()
        assert [await asked(), await asked()] == [(0, 0), (0, 0)]
        await valkey.start()
        assert [await asked(), await asked()] == [(1, 1), (1, 1)]
        await valkey.kill()
        await valkey.start()  # before anybody has asked
        assert [await asked(), await asked()] == [(1, 2), (1, 2)]
        await watched.watch.close()
