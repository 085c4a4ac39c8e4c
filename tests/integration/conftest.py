"""A migrated database and an empty queue: of a test's own, or shared by a module."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio

from service.embedded import Postgres, Valkey
from service.settings import Settings
from service.store import Store, open_store
from service.store.migrate import migrate
from tests.databases import fresh_database
from tests.integration.api_client import Api, serving
from tests.integration.tenants import Tenant, add_tenant, quick


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """The records of one test."""
    await migrate(database)
    async with open_store(database, size=4) as opened:
        yield opened


@pytest.fixture(scope="module")
async def settings(postgres: Postgres, valkey: Valkey) -> AsyncIterator[Settings]:
    """The settings of an installation that a module shares: migrated, its queue empty."""
    client = redis.asyncio.Redis.from_url(valkey.url)
    await client.flushall()
    await client.aclose()
    async with fresh_database(postgres) as dsn:
        await migrate(dsn)
        yield quick(dsn, valkey.url)


@pytest.fixture(scope="module")
async def shared_store(settings: Settings) -> AsyncIterator[Store]:
    """The records of the module's installation."""
    async with open_store(settings.database_url, size=4) as opened:
        yield opened


@pytest.fixture(scope="module")
async def api(settings: Settings) -> AsyncIterator[Api]:
    """The API of the module's installation."""
    async with serving(settings) as client:
        yield client


@pytest.fixture
async def tenant(shared_store: Store, tmp_path: Path) -> Tenant:
    """A service of the module's installation, of this test alone."""
    return await add_tenant(shared_store, tmp_path / "storage")


@pytest.fixture
async def stranger(shared_store: Store, tmp_path: Path) -> Tenant:
    """Another one."""
    return await add_tenant(shared_store, tmp_path / "elsewhere")
