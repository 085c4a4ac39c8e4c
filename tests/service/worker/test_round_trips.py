"""What a process of three jobs costs Postgres and Redis under load: counted, not timed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from asyncpg.connection import Connection
from redis.asyncio.connection import AbstractConnection

from service.ids import new_process_id
from service.settings import Settings
from service.store import Store
from tests.service.harness.api_client import serving
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import working

PROCESSES = 64
STATEMENTS = 3.0
ROUND_TRIPS = 5.0


def counting(counts: Counter[str], name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        counts[name] += 1
        return await call(self, *args, **kwargs)

    return counted


async def test_under_load_processes_share_statements_and_round_trips(
    settings: Settings, store: Store, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: Counter[str] = Counter()
    send = AbstractConnection.send_packed_command
    for kind, name, call in (
        (Connection, "_execute", Connection._execute),  # type: ignore[attr-defined]
        (Connection, "execute", Connection.execute),  # of a transaction: it begins, it ends
        (AbstractConnection, "send_packed_command", send),
    ):
        counted = "redis" if kind is AbstractConnection else "postgres"
        monkeypatch.setattr(kind, name, counting(counts, counted, call))
    names = [(f"{i}/a.png", f"{i}/b.png", f"{i}/c.png") for i in range(PROCESSES)]
    calm = msgspec.structs.replace(
        settings, reconcile_seconds=60.0, poll_seconds=5.0, token_cache_seconds=60.0
    )
    async with serving(calm) as api:
        await api.get(tenant, new_process_id())  # so that it knows the token
        counts.clear()
        await asyncio.gather(*(api.create(tenant, tenant.body(*each)) for each in names))
    query = "SELECT count(*) FROM processes WHERE status = 'FINISHED'"
    async with asyncio.timeout(60), working(calm):
        while await store.pool.fetchval(query) < PROCESSES:
            counts["postgres"] -= 1
            await asyncio.sleep(0.05)
    statements = counts["postgres"] / PROCESSES
    assert 0 < statements <= STATEMENTS
    assert statements + counts["redis"] / PROCESSES <= ROUND_TRIPS
