"""A client that stands still in the middle of a transaction holds up nobody for long."""

import asyncpg
import msgspec
import pytest
from asyncpg.pool import PoolConnectionProxy

from service.settings import Settings
from service.store import UNAVAILABLE, Store, open_store, time_limits
from tests.service.harness.api_client import serving
from tests.service.harness.records import DAY, SOON, new_process
from tests.service.harness.tenants import Tenant, quick

FOREVER = 3600.0
LIMITS = {
    "database_seconds": 20.0,
    "database_lock_seconds": FOREVER,
    "database_idle_seconds": FOREVER,
    "database_transaction_seconds": FOREVER,
}


@pytest.fixture(scope="module")
async def settings(settings: Settings) -> Settings:
    return quick(settings.database_url, settings.redis_url, **LIMITS)


def limited(settings: Settings, **limits: float) -> Settings:
    return msgspec.structs.replace(settings, **limits)


KEEP = "INSERT INTO idempotency_keys VALUES ($1, 'k', '', $2)"


async def test_a_frozen_client_that_holds_a_key_is_broken_off(
    settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    frozen = limited(settings, database_idle_seconds=0.3)
    async with (
        open_store(frozen.database_url, size=1, limits=time_limits(frozen)) as holder,
        serving(settings) as api,
    ):
        async with holder.pool.acquire() as connection:
            await connection.execute("BEGIN")
            process = new_process(tenant)
            await connection.execute(KEEP, tenant.service_id, process.id)
            answer = await api.post(tenant, tenant.body(), {"Idempotency-Key": "k"})
            assert answer.status == 200, answer.raw
            with pytest.raises(UNAVAILABLE):  # its own work is undone, and it is told so
                await connection.execute("COMMIT")
        assert await holder.pool.fetchval("SELECT 1") == 1
    kept = await shared_store.processes.first_answer(tenant.service_id, "k")
    assert kept is not None
    assert kept[1] == answer.words["process_id"]


async def stay_busy(connection: "PoolConnectionProxy[asyncpg.Record]") -> None:
    for _ in range(500):
        await connection.fetchval("SELECT pg_sleep(0.02)")


async def test_a_transaction_that_never_ends_is_broken_off(settings: Settings) -> None:
    """Though it is never idle for long."""
    busy = limited(settings, database_transaction_seconds=0.3)
    async with open_store(busy.database_url, size=1, limits=time_limits(busy)) as store:
        async with store.pool.acquire() as connection:
            if connection.get_server_version().major < 17:
                pytest.skip("Postgres 17 was the first with transaction_timeout")
            await connection.execute("BEGIN")
            # between two statements the connection is found closed, within one its error comes
            ends = (asyncpg.TransactionTimeoutError, asyncpg.ConnectionDoesNotExistError)
            with pytest.raises(ends):
                await stay_busy(connection)
        assert await store.pool.fetchval("SELECT 1") == 1


async def test_a_statement_waits_so_long_for_a_lock(
    settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    hasty = limited(settings, database_lock_seconds=0.2)
    async with shared_store.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE processes IN ACCESS EXCLUSIVE MODE")
        async with open_store(hasty.database_url, size=1, limits=time_limits(hasty)) as store:
            with pytest.raises(asyncpg.LockNotAvailableError):
                await store.processes.record([new_process(tenant)], grace=SOON, remember=DAY)
