"""The types of asyncpg that the store speaks in; subscripted for mypy, not at run time."""

from typing import TypeAlias

import asyncpg

Record: TypeAlias = asyncpg.Record
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
