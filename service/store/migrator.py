"""Brings the tables up to date: numbered SQL files, applied once each, in order.

Migrations only add (expand) or remove what no running release uses (contract), so that
the release before and the release after can share a database. One that begins with
``-- without a transaction`` is applied statement by statement, and must bear to be begun again.
"""

import asyncio
from importlib.resources import files

import asyncpg

from service.store.database import Connection, Pool

LOCK = 0x6461726B726F6F6D  # "darkroom": one migration at a time, whoever starts it

WAIT_SECONDS = 0.2
OUTSIDE = "-- without a transaction\n"

NOTE = "INSERT INTO migrations (name) VALUES ($1)"
LEDGER = """
CREATE TABLE IF NOT EXISTS migrations (
    name       text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


def known() -> dict[str, str]:
    """Every migration this release has, in order: name and SQL."""
    found = files("service.store").joinpath("migrations").iterdir()
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in sorted(found, key=lambda file: file.name)
        if file.name.endswith(".sql")
    }


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing, under an advisory lock; returns the names applied."""
    connection = await asyncpg.connect(dsn)
    try:
        # asked again rather than waited for: a statement that waits holds up concurrent indexes
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110
            await asyncio.sleep(WAIT_SECONDS)
        await connection.execute(LEDGER)
        applied = []
        for name in await _missing(connection):
            await _apply(connection, name, known()[name])
            applied.append(name)
        return applied
    finally:
        await connection.close()


async def _apply(connection: Connection, name: str, script: str) -> None:
    if script.startswith(OUTSIDE):
        for statement in filter(str.strip, script.split(";\n")):
            await connection.execute(statement)
        await connection.execute(NOTE, name)
    else:
        async with connection.transaction():
            await connection.execute(script)
            await connection.execute(NOTE, name)


async def pending(pool: Pool) -> list[str]:
    """Names of the migrations that the database has not seen yet."""
    if await pool.fetchval("SELECT to_regclass('migrations')") is None:
        return list(known())
    async with pool.acquire() as connection:
        return await _missing(connection)


async def _missing(
    connection: Connection,
) -> list[str]:
    seen = {row["name"] for row in await connection.fetch("SELECT name FROM migrations")}
    return [name for name in known() if name not in seen]
