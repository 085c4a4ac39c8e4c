"""Databases of a test's own, on the session's Postgres."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from service.embedded import Postgres

EMPTY = "DELETE FROM processes; DELETE FROM services"  # all other rows go with those


async def emptied(dsn: str) -> str:
    """Make a migrated database like new, in far less time than a new one takes."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(EMPTY)
    finally:
        await connection.close()
    return dsn


@asynccontextmanager
async def fresh_database(postgres: Postgres) -> AsyncIterator[str]:
    """Give the DSN of an empty database, dropped at the end."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield postgres.dsn_of(name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
