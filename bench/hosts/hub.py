"""What all hosts share: Postgres and Valkey over TCP, an API, a folder, a receiver of callbacks."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil
from aiohttp import web

from bench.hosts.network import HUB, NETWORK, Host
from service.dev.stack import DarkroomServer
from service.embedded import EmbeddedServer, Postgres, Valkey
from service.ids import new_token, new_webhook_secret, token_hash
from service.store import migrate, open_store

POSTGRES_PORT, VALKEY_PORT, API_PORT, METRICS_PORT = 5432, 6379, 8080, 9100
LOCAL = "127.0.0.1"
CALLERS = 8
POLL_SECONDS = 0.1

ENDED = """
SELECT count(*) FROM processes WHERE id = ANY($1) AND status IN ('FINISHED', 'FAILED')
"""

Json = dict[str, Any]


class ReachablePostgres(Postgres):
    """One that listens in the network of the hosts too."""

    def _command(self) -> list[str]:
        return [*super()._command(), f"--listen_addresses={HUB}", f"--port={POSTGRES_PORT}"]

    async def _make_cluster(self) -> None:
        await super()._make_cluster()
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK} trust\n")


class ReachableValkey(Valkey):
    """One that listens in the network of the hosts too."""

    def _command(self) -> list[str]:
        listening = ["--port", str(VALKEY_PORT), "--bind", HUB, "--protected-mode", "no"]
        return [*super()._command(), *listening]


class HostWorker(DarkroomServer):
    """A worker on a host."""

    def __init__(self, directory: Path, host: Host, settings: Mapping[str, object]) -> None:
        there = f"http://{host.address}:{METRICS_PORT}"
        super().__init__(directory, "worker", settings, f"{there}/readyz")
        self.metrics = f"{there}/metrics"
        self._host = host

    def _command(self) -> list[str]:
        return self._host.command(super()._command())


class Hub:
    """Sends batches, hears of their ends, and knows what was spent."""

    def __init__(self, directory: Path, servers: Mapping[str, EmbeddedServer]) -> None:
        self.directory = directory
        self.folder = directory / "storage"
        self.service_id = 0
        self.token = ""
        self.callbacks: defaultdict[str, set[str]] = defaultdict(set)
        """The webhook ids that came, by the number of the batch."""
        self.client: aiohttp.ClientSession
        self.database: asyncpg.Connection[asyncpg.Record]
        self._servers = servers
        self._receiver = ""

    @property
    def settings(self) -> dict[str, object]:
        """What a worker on a host needs."""
        return {
            "database_url": f"postgresql://darkroom@{HUB}:{POSTGRES_PORT}/postgres",
            "redis_url": f"redis://{HUB}:{VALKEY_PORT}",
            "metrics_host": "0.0.0.0",  # noqa: S104 - of a network namespace
            "metrics_port": METRICS_PORT,
            "callback_private_networks": True,
            "callback_ports": "*",
        }

    async def post_many(self, jobs: Sequence[Json], source: str, numbers: range) -> dict[str, int]:
        """Have a batch accepted for each number, with results of its own; gives them by id."""
        left, accepted = iter(numbers), dict[str, int]()

        async def call() -> None:
            for number in left:
                own = [job | {"destination": f"{number}/{job['destination']}"} for job in jobs]
                body = {"service_id": self.service_id, "source": source, "jobs": own,
                        "callback": f"{self._receiver}{number}"}  # fmt: skip
                async with self.client.post("/request", json=body) as answer:
                    accepted[(await answer.json())["process_id"]] = number

        await asyncio.gather(*(call() for _ in range(CALLERS)))
        return accepted

    async def ended(self, ids: Sequence[str], count: int, seconds: float) -> bool:
        """Wait until so many of these have ended; False if they have not in time."""
        until = time.monotonic() + seconds
        while await self.database.fetchval(ENDED, ids) < count:
            if time.monotonic() > until:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def cpu(self) -> dict[str, float]:
        """Give the CPU seconds of what all share, by part."""
        return {name: spent(server.pid) for name, server in self._servers.items()}

    async def take_callback(self, request: web.Request) -> web.Response:
        """Receive a callback."""
        await request.read()
        self.callbacks[request.match_info["number"]].add(request.headers["webhook-id"])
        return web.Response()

    async def listen(self, stack: AsyncExitStack) -> None:
        """Receive callbacks until the stack is closed."""
        app = web.Application()
        app.router.add_post("/{number}", self.take_callback)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, HUB, 0).start()
        self._receiver = f"http://{HUB}:{runner.addresses[0][1]}/"


def spent(pid: int) -> float:
    """Give the CPU seconds of a process and of all that it has started."""
    total = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])  # its own, and of those that it has reaped
        except psutil.NoSuchProcess:
            continue
    return total


@asynccontextmanager
async def run_hub(directory: Path) -> AsyncIterator[Hub]:
    """Start what all share; Postgres commits with fsync."""
    async with AsyncExitStack() as stack:
        postgres = ReachablePostgres(directory / "postgres")
        valkey = ReachableValkey(directory / "valkey")
        await stack.enter_async_context(postgres)
        await stack.enter_async_context(valkey)
        await migrate(postgres.dsn)
        url = f"http://{LOCAL}:{API_PORT}"
        own = {"database_url": postgres.dsn, "redis_url": valkey.url, "port": API_PORT,
               "callback_private_networks": True, "callback_ports": "*"}  # fmt: skip
        api = DarkroomServer(directory / "api", "serve", own, f"{url}/readyz")
        hub = Hub(directory, {"postgres": postgres, "valkey": valkey, "api": api})
        hub.folder.mkdir()
        hub.token = new_token()
        async with open_store(postgres.dsn, size=1) as store:
            hub.service_id = await store.services.add(
                name="hosts", storage_url=hub.folder.as_uri(), storage_options={},
                webhook_secret=new_webhook_secret(), token_hash=token_hash(hub.token),
            )  # fmt: skip
        await stack.enter_async_context(api)
        headers = {"Authorization": f"Bearer {hub.token}"}
        hub.client = await stack.enter_async_context(aiohttp.ClientSession(url, headers=headers))
        hub.database = await asyncpg.connect(postgres.dsn)
        stack.push_async_callback(hub.database.close)
        await hub.listen(stack)
        yield hub
