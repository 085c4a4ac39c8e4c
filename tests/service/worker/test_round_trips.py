"""What a process of three jobs costs Postgres and Redis under load: counted, not timed."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest
from asyncpg.connection import Connection
from redis.asyncio.connection import AbstractConnection

from service.ids import new_process_id
from service.settings import Settings
from service.store import Store
from tests.service.harness.api_client import serving
from tests.service.harness.receiver import due, receiving
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import working

PROCESSES = 64
STATEMENTS = 3.0
ROUND_TRIPS = 5.0
STATEMENTS_OF_CALLBACK = 1.0
ROUND_TRIPS_OF_CALLBACK = 2.0


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is sent to Postgres and to Redis from now on."""
    counts: Counter[str] = Counter()

    def count(kind: type, method: str, name: str) -> None:
        call = getattr(kind, method)

        async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
            twice = method == "execute" and len(args) > 1  # it is counted by what it calls
            counts[name] += not twice
            return await call(self, *args, **kwargs)

        monkeypatch.setattr(kind, method, counted)

    count(Connection, "_execute", "postgres")
    count(Connection, "execute", "postgres")  # a transaction begins, or ends
    count(AbstractConnection, "send_packed_command", "redis")
    return counts


async def test_under_load_processes_share_statements_and_round_trips(
    settings: Settings, store: Store, tenant: Tenant, counts: Counter[str]
) -> None:
    names = [(f"{i}/a.png", f"{i}/b.png", f"{i}/c.png") for i in range(PROCESSES)]
    async with serving(calm(settings)) as api:
        await api.get(tenant, new_process_id())  # so that it knows the token
        counts.clear()
        await asyncio.gather(*(api.create(tenant, tenant.body(*each)) for each in names))
    query = "SELECT count(*) FROM processes WHERE status = 'FINISHED'"
    async with asyncio.timeout(60), working(calm(settings)):
        await reached(store, query, PROCESSES, counts)
    statements = counts["postgres"] / PROCESSES
    assert 0 < statements <= STATEMENTS
    assert statements + counts["redis"] / PROCESSES <= ROUND_TRIPS


async def test_callbacks_share_statements_and_connections(
    settings: Settings, store: Store, tenant: Tenant, counts: Counter[str]
) -> None:
    async with receiving() as receiver:
        for _ in range(PROCESSES):
            await due(store, tenant, receiver.url)
        await store.pool.execute("UPDATE deliveries SET due_at = now()")
        counts.clear()
        query = "SELECT count(*) FROM deliveries WHERE status = 'DELIVERED'"
        async with asyncio.timeout(20), working(calm(settings)):
            await reached(store, query, PROCESSES, counts)
    statements = counts["postgres"] / PROCESSES
    assert 0 < statements <= STATEMENTS_OF_CALLBACK
    assert statements + counts["redis"] / PROCESSES <= ROUND_TRIPS_OF_CALLBACK
    assert len(receiver.connections) <= settings.callback_receiver_concurrency


def calm(settings: Settings) -> Settings:
    """Look at nothing from time to time, so that only what is done is counted."""
    return msgspec.structs.replace(
        settings,
        reconcile_seconds=60.0,
        poll_seconds=5.0,
        token_cache_seconds=60.0,
        callback_waiting=PROCESSES,
    )


async def reached(store: Store, query: str, value: int, counts: Counter[str]) -> None:
    """Wait until a query gives a value; that is not counted."""
    while await store.pool.fetchval(query) < value:
        counts["postgres"] -= 1
        await asyncio.sleep(0.05)
