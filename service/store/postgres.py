"""The types of asyncpg that the store speaks in; subscripted for mypy, not at run time."""

from typing import TypeAlias

import asyncpg

Record: TypeAlias = asyncpg.Record
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # a connection that Postgres has ended with an error, before its end was read
    asyncpg.InternalClientError,
)
"""What a statement raises while Postgres cannot serve it."""
