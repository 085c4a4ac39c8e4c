"""The store: all records in Postgres, behind one object."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from service.store.administration import Administration
from service.store.backlog import Backlogs
from service.store.database import (
    DEFAULT_TIME_LIMITS,
    Connection,
    Observer,
    Pool,
    TimeLimits,
    Unobserved,
    observe,
)
from service.store.deliveries import Deliveries
from service.store.leases import Leases
from service.store.presets import Presets
from service.store.processes import Processes
from service.store.quarantine import Quarantine
from service.store.services import Services

PING_SECONDS = 2.0

# What waits is read in the order of an index up to a limit. Where the planner knows too little of
# a table that has just grown, it would rather collect all that waits, and sort it.
PLANNING = {"jit": "off", "enable_bitmapscan": "off"}


class Store:
    """Everything that is recorded, by what it is about."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.services = Services(pool)
        self.processes = Processes(pool)
        self.leases = Leases(pool)
        self.deliveries = Deliveries(pool)
        self.backlog = Backlogs(pool)
        self.administration = Administration(pool)
        self.quarantine = Quarantine(pool)
        self.presets = Presets(pool)

    async def ping(self) -> None:
        """Ask Postgres for one number; raises what asyncpg raises when it is away."""
        async with asyncio.timeout(PING_SECONDS):
            await self.pool.fetchval("SELECT 1")


@asynccontextmanager
async def open_store(
    dsn: str,
    *,
    size: int = 10,
    limits: TimeLimits = DEFAULT_TIME_LIMITS,
    observer: Observer | None = None,
) -> AsyncIterator[Store]:
    """Open a pool of at most `size` connections, and close it at the end.

    A statement that takes longer than its limit is a TimeoutError; what Postgres breaks off
    at the other limits raises one of UNAVAILABLE.
    """

    async def prepare(connection: Connection) -> None:
        await limits.limit_transactions(connection)
        if observer is not None:
            observe(connection, observer)

    async with asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=limits.statement,
        init=prepare,
        reset=_leave_as_it_is,
        server_settings={**PLANNING, **limits.server_settings},
    ) as pool:
        yield Store(Pool(pool, observer or Unobserved()))


async def _leave_as_it_is(_connection: Connection) -> None:
    """Save the round trip that would reset session state: no statement of ours makes any."""
