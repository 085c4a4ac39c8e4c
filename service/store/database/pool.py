"""The connection pool of Postgres, observed while it is used."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from time import monotonic
from typing import Any, Protocol

import asyncpg
from asyncpg.connection import LoggedQuery
from asyncpg.pool import PoolConnectionProxy

from service.store.database.postgres import Connection, Record
from service.store.database.queries import queries

OTHER = "other"  # the name of a statement that has none


class Observer(Protocol):
    """Who is told how long connections and statements took, in seconds."""

    def waited(self, seconds: float) -> None:
        """Note the wait for a connection."""

    def answered(self, query: str, seconds: float, *, failed: bool) -> None:
        """Note a statement by its name in `sql/`."""


class Unobserved:
    """Notes nothing."""

    def waited(self, seconds: float) -> None:
        """Do nothing."""

    def answered(self, query: str, seconds: float, *, failed: bool) -> None:
        """Do nothing."""


class Pool:
    """asyncpg's pool, of which the waits for a connection are observed."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", observer: Observer) -> None:
        self._pool = pool
        self._observer = observer

    @property
    def size(self) -> int:
        """How many connections there may be."""
        return self._pool.get_max_size()

    @property
    def in_use(self) -> int:
        """How many connections are lent out now."""
        return self._pool.get_size() - self._pool.get_idle_size()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["PoolConnectionProxy[asyncpg.Record]"]:
        """Lend a connection while the body runs; waits for as long as all are lent out."""
        began = monotonic()
        async with self._pool.acquire() as connection:
            self._observer.waited(monotonic() - began)
            yield connection

    async def execute(self, statement: str, *values: Any) -> str:
        """Execute a statement and give its status."""
        async with self.acquire() as connection:
            return await connection.execute(statement, *values)

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Return all rows."""
        async with self.acquire() as connection:
            return await connection.fetch(statement, *values)

    async def fetchrow(self, statement: str, *values: Any) -> Record | None:
        """Return the first row, or None."""
        async with self.acquire() as connection:
            return await connection.fetchrow(statement, *values)

    async def fetchval(self, statement: str, *values: Any) -> Any:
        """Return the first value of the first row."""
        async with self.acquire() as connection:
            return await connection.fetchval(statement, *values)


def observe(connection: Connection, observer: Observer) -> None:
    """Notify the observer of every statement on a connection."""
    names = _names()

    def note(query: LoggedQuery) -> None:
        name = names.get(query.query, OTHER)
        observer.answered(name, query.elapsed, failed=query.exception is not None)

    connection.add_query_logger(note)


@cache
def _names() -> dict[str, str]:
    return {statement: name for name, statement in queries().items()}
