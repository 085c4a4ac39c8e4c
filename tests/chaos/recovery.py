"""How long what a killed worker was doing lies still."""

import asyncio
import time
from contextlib import suppress

import asyncpg

LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class Recovery:
    """Measures, for each process that a killed worker held, when it is claimed again or ended."""

    def __init__(self, dsn: str) -> None:
        self.seconds: list[float] = []
        self._dsn = dsn
        self._tasks: list[asyncio.Task[None]] = []

    def watch(self, pid: int) -> None:
        """Look after what the worker with this process id held when it was killed now."""
        self._tasks.append(asyncio.create_task(self._watch(pid, time.monotonic())))

    async def finish(self, seconds: float) -> None:
        """Wait for what is being looked after, for so long at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
            await asyncio.gather(*(task for task in self._tasks if task.done()))

    @property
    def waiting(self) -> int:
        """Of how many killed workers something still lies there."""
        return sum(not task.done() for task in self._tasks)

    def quantile(self, part: float) -> float:
        """Return a quantile of the seconds, 0 if there are none."""
        found = sorted(self.seconds)
        return found[min(len(found) - 1, int(part * len(found)))] if found else 0.0

    async def _watch(self, pid: int, killed: float) -> None:
        held: dict[str, int] = {}
        with suppress(*LOST):
            query = (
                "SELECT id, run FROM processes WHERE status = 'PROCESSING' "
                "AND split_part(worker, ':', 2) = $1"
            )
            held = {row["id"]: row["run"] for row in await self._fetch(query, str(pid))}
        while held:
            await asyncio.sleep(0.2)
            with suppress(*LOST):
                query = "SELECT id, run, status FROM processes WHERE id = ANY($1::text[])"
                for row in await self._fetch(query, list(held)):
                    if row["run"] > held[row["id"]] or row["status"] in {"FINISHED", "FAILED"}:
                        del held[row["id"]]
                        self.seconds.append(time.monotonic() - killed)

    async def _fetch(self, query: str, value: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        try:
            return await connection.fetch(query, value, timeout=5)
        finally:
            await connection.close(timeout=5)
