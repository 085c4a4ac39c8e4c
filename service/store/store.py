"""Records in Postgres: the truth. SQL lives in `sql/`, the tables in `migrations/`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from service.store.deliveries import Deliveries
from service.store.leases import Leases
from service.store.postgres import Connection, Pool
from service.store.processes import Processes
from service.store.services import Services
from service.store.time_limits import DEFAULT_TIME_LIMITS, TimeLimits

__all__ = ["Deliveries", "Leases", "Processes", "Services", "Store", "open_store"]


class Store:
    """Everything that is recorded, by what it is about."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.services = Services(pool)
        self.processes = Processes(pool)
        self.leases = Leases(pool)
        self.deliveries = Deliveries(pool)

    @property
    def in_use(self) -> int:
        """How many connections are lent out now."""
        return self.pool.get_size() - self.pool.get_idle_size()

    async def ping(self) -> None:
        """Ask Postgres for one number; raises what asyncpg raises when it is away."""
        await self.pool.fetchval("SELECT 1", timeout=2)


@asynccontextmanager
async def open_store(
    dsn: str, *, size: int = 10, limits: TimeLimits = DEFAULT_TIME_LIMITS
) -> AsyncIterator[Store]:
    """Open a pool of at most `size` connections, and close it at the end.

    A statement that takes longer than its limit is a TimeoutError; what Postgres breaks off
    at the other limits raises one of UNAVAILABLE.
    """
    async with asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=limits.statement,
        init=limits.limit_transactions,
        reset=_leave_as_it_is,
        server_settings={"jit": "off", **limits.server_settings},
    ) as pool:
        yield Store(pool)


async def _leave_as_it_is(_connection: Connection) -> None:
    """Save the round trip that would reset session state: no statement of ours makes any."""
