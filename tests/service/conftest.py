"""An installation for each module: a migrated database, an empty queue, its API."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio
import structlog
from structlog.typing import EventDict

from service.embedded import Valkey
from service.settings import Settings
from service.store import Store, open_store
from tests.databases import EMPTY, emptied
from tests.service.harness.api_client import Api, serving
from tests.service.harness.forked_servers import SERVER_LOADER
from tests.service.harness.loaded import LOADER
from tests.service.harness.tenants import Tenant, add_tenant, quick


def _leave_out_requests(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Drop the lines of requests, of which tests that poll make thousands."""
    if event["event"] == "request":
        raise structlog.DropEvent
    return event


structlog.configure(processors=[_leave_out_requests, *structlog.get_config()["processors"]])


@pytest.fixture(scope="session", autouse=True)
def _loader() -> Iterator[None]:
    """End the processes that others are forked from, if a test has started them."""
    yield
    LOADER.close()
    SERVER_LOADER.close()


@pytest.fixture(scope="module")
async def settings(migrated: str, valkey: Valkey) -> Settings:
    """The settings of an installation that a module shares: migrated, with nothing in it."""
    client = redis.asyncio.Redis.from_url(valkey.url)
    await client.flushall()
    await client.aclose()
    return quick(await emptied(migrated), valkey.url)


@pytest.fixture(scope="module")
async def shared_store(settings: Settings) -> AsyncIterator[Store]:
    """The records of the module's installation."""
    async with open_store(settings.database_url, size=4) as opened:
        yield opened


@pytest.fixture
async def store(shared_store: Store) -> Store:
    """The same, with nothing in it."""
    await shared_store.pool.execute(EMPTY)
    return shared_store


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
