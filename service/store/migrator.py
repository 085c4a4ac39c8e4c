"""Brings the tables up to date: numbered SQL files, applied once each, in order.

Migrations only add (expand) or remove what no running release uses (contract), so that
the release before and the release after can share a database.
"""

from importlib.resources import files

import asyncpg

from service.store.database import Connection, Pool

LOCK = 0x6461726B726F6F6D  # "darkroom": one migration at a time, whoever starts it

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
    """Apply what is missing, under an advisory lock; gives the names applied."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await connection.execute(LEDGER)
        applied = []
        for name in await _missing(connection):
            async with connection.transaction():
                await connection.execute(known()[name])
                await connection.execute("INSERT INTO migrations (name) VALUES ($1)", name)
            applied.append(name)
        return applied
    finally:
        await connection.close()


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
