"""The real backing services, each started once a session when a test first asks."""

import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis.asyncio
from hypothesis import HealthCheck, settings

from service.embedded import Postgres, SeaweedFS, Valkey
from service.store import migrate
from tests.databases import fresh_database
from tests.s3 import client_of

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

# A property is tried on few examples, or on many by `make properties`; none has a deadline, for
# the machine may be busy.
settings.register_profile(
    "suite", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("suite"), max_examples=1000)
settings.load_profile("suite")

gc.disable()  # until all tests are collected: they stay


def pytest_collection_finish() -> None:
    """Look no more for garbage among what stays to the end."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """A Postgres that does not flush to disk; a test of its own uses `database`."""
    async with Postgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server


@pytest.fixture(scope="session")
async def valkey(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Valkey]:
    async with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
async def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SeaweedFS]:
    async with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
async def s3_client(seaweedfs: SeaweedFS) -> AsyncIterator["S3Client"]:
    async with client_of(seaweedfs) as client:
        yield client


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[str]:
    """The DSN of a fresh, empty database, dropped after the test."""
    async with fresh_database(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def migrated(postgres: Postgres) -> AsyncIterator[str]:
    """The DSN of a database with all tables, which `emptied` makes like new."""
    async with fresh_database(postgres) as dsn:
        await migrate(dsn)
        yield dsn


@pytest.fixture
async def redis_url(valkey: Valkey) -> str:
    """The URL of an empty Valkey."""
    client = redis.asyncio.Redis.from_url(valkey.url)
    await client.flushall()
    await client.aclose()
    return valkey.url


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the project."""
    return Path(__file__).parent.parent
