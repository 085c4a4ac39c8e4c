"""The types of asyncpg that the store uses, and which errors mean "unavailable".

The types are subscripted for mypy, not at run time.
"""

from typing import TypeAlias

import asyncpg

Record: TypeAlias = asyncpg.Record
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

BLAMABLE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What one entry of a statement for many may be to blame for."""


_STATES = (
    "08",  # the connection broke
    "25006",  # read-only: a standby, or a disk that an administrator protects
    "25P03",  # a transaction that stood still
    "25P04",  # a transaction that took too long
    "40",  # a deadlock, or what another transaction has changed
    "53",  # no disk, memory or connections left
    "55P03",  # a lock that was held for too long
    "57",  # shut down, starting, or cancelled
    "58",  # an error of the system, of its disk say
)


def is_unavailable(error: BaseException) -> bool:
    """Whether Postgres cannot serve a statement now, rather than the statement being wrong.

    Storages turn an OSError into their own; any other is Postgres's.
    """
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_STATES)
    return isinstance(error, (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError))
