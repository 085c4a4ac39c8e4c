"""Migrations: applied once each, in order, by one at a time."""

import asyncio

import asyncpg
import pytest

from service.store import migrate, open_store, pending
from service.store.migrator import LOCK, known


async def test_a_fresh_database_gets_every_migration_in_order(database: str) -> None:
    applied = await migrate(database)
    assert applied == list(known()) == sorted(known())
    assert applied[0] == "0001_first"
    async with open_store(database, size=1) as store:
        assert await store.services.list() == []
        ledger = await store.pool.fetch("SELECT name FROM migrations ORDER BY applied_at, name")
    assert [row["name"] for row in ledger] == applied


async def test_a_second_time_there_is_nothing_to_do(database: str) -> None:
    await migrate(database)
    assert await migrate(database) == []


async def test_of_many_at_once_each_migration_is_applied_by_one(database: str) -> None:
    applied = await asyncio.gather(*(migrate(database) for _ in range(5)))
    assert sorted(map(len, applied)) == [0, 0, 0, 0, len(known())]


async def test_a_migration_waits_for_the_one_under_way(database: str) -> None:
    other = await asyncpg.connect(database)
    await other.execute("SELECT pg_advisory_lock($1)", LOCK)
    waiting = asyncio.create_task(migrate(database))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done
    await other.close()
    assert await waiting == list(known())


async def test_a_migration_that_fails_leaves_nothing_behind(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {**known(), "9999_broken": "CREATE TABLE half (id int); SELECT 1 / 0"}
    with monkeypatch.context() as patch:
        patch.setattr("service.store.migrator.known", lambda: broken)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate(database)
    async with open_store(database, size=1) as store:
        assert await store.pool.fetchval("SELECT to_regclass('half')") is None
        assert await pending(store.pool) == []


async def test_pending_names_what_is_missing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(database, size=1) as store:
        assert await pending(store.pool) == list(known())
        await migrate(database)
        assert await pending(store.pool) == []
        newer = {**known(), "9999_newer": "SELECT 1"}
        monkeypatch.setattr("service.store.migrator.known", lambda: newer)
        assert await pending(store.pool) == ["9999_newer"]
