"""A whole Darkroom as a process of its own, of this checkout or of another, and its CPU time."""

import asyncio
import json
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil
from msgspec import Struct

HERE = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
CALLER = 16  # requests under way at once while batches are posted

# Any version's: `run_stack` has been there for long. It ends with its standard input.
RUN = """
import asyncio, json, sys
from pathlib import Path
from service.dev.stack import run_stack

async def main():
    async with run_stack(Path(sys.argv[1]), storage="folder", port=0, **json.loads(sys.argv[2])):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""

Jobs = list[dict[str, Any]]


class Stack(Struct, kw_only=True):
    """A stack that runs: where it is, and how to ask it."""

    directory: Path
    told: dict[str, Any]
    client: aiohttp.ClientSession
    database: "asyncpg.Connection[asyncpg.Record]"

    @property
    def port(self) -> int:
        """Where its API listens."""
        return int(self.told["url"].rpartition(":")[2])

    @property
    def worker(self) -> psutil.Process:
        """Its worker."""
        return psutil.Process(self.told["pids"]["worker"])

    def body(self, source: str, jobs: Jobs, **fields: object) -> dict[str, object]:
        """Make a request's body."""
        return {"service_id": self.told["service_id"], "source": source, "jobs": jobs, **fields}

    async def post(self, source: str, jobs: Jobs, **fields: object) -> str:
        """Have a batch accepted; returns its id."""
        async with self.client.post("/request", json=self.body(source, jobs, **fields)) as answer:
            return str((await answer.json())["process_id"])

    async def post_many(self, count: int, source: str, jobs: Jobs, **fields: object) -> list[str]:
        """Have a batch accepted so many times, several requests at once."""
        left, ids = iter(range(count)), []

        async def call() -> None:
            for _ in left:
                ids.append(await self.post(source, jobs, **fields))  # noqa: PERF401 - several fill it

        await asyncio.gather(*(call() for _ in range(CALLER)))
        return ids

    async def finished(self, ids: list[str]) -> None:
        """Wait until all these are done."""
        while await self.database.fetchval(
            "SELECT count(*) FROM processes WHERE id = ANY($1) AND status = 'FINISHED'", ids
        ) < len(ids):
            await asyncio.sleep(0.05)

    async def called_back(self, ids: list[str]) -> None:
        """Wait until the callbacks of all these are recorded as delivered."""
        while await self.database.fetchval(
            "SELECT count(*) FROM deliveries WHERE process_id = ANY($1) AND status = 'DELIVERED'",
            ids,
        ) < len(ids):
            await asyncio.sleep(0.05)

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds that each part has used so far."""
        used: defaultdict[str, float] = defaultdict(float)
        own, waited, children = _times()
        for name, root in self.told["pids"].items():
            part = name.partition("-")[0]  # worker-2 is a worker
            below = "children" if part == "worker" else part
            left = [root]
            for pid in left:
                left += children[pid]
                used[part if pid == root else below] += own[pid]
                used[below] += waited[pid]
        return used


def _times() -> tuple[dict[int, float], dict[int, float], defaultdict[int, list[int]]]:
    """Read all processes once: their CPU seconds, those of ended children, their children.

    psutil reads all of them for each tree, and a caller that is busy with that answers nobody.
    """
    own: dict[int, float] = {}
    waited: dict[int, float] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
        except (OSError, ValueError):  # it has ended
            continue
        user, system, children_user, children_system = map(int, rest[11:15])
        own[pid] = (user + system) / TICKS
        waited[pid] = (children_user + children_system) / TICKS
        children[int(rest[1])].append(pid)
    return own, waited, children


@asynccontextmanager
async def run_stack(directory: Path, checkout: Path = HERE, **options: int) -> AsyncIterator[Stack]:
    """Run the stack of a checkout in a new directory; the other checkout has its own `.venv`.

    The options are those of `service.dev.stack.run_stack`: workers, processes and slots.
    """
    directory.mkdir(parents=True)
    python = sys.executable if checkout == HERE else str(checkout.absolute() / ".venv/bin/python")
    process = await asyncio.create_subprocess_exec(
        python, "-c", RUN, str(directory), json.dumps(options), cwd=checkout,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None  # noqa: S101
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"the stack of {checkout} did not start")
        told = json.loads((directory / "dev.json").read_text())
        headers = {"Authorization": f"Bearer {told['token']}"}
        socket = (directory / "postgres" / "run").resolve()
        database = await asyncpg.connect(f"postgresql://darkroom@/postgres?host={socket}")
        async with aiohttp.ClientSession(told["url"], headers=headers) as client:
            yield Stack(directory=directory, told=told, client=client, database=database)
        await database.close()
    finally:
        await process.communicate(b"")  # the end of its input ends it
