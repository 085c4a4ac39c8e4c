"""A whole installation, and a real Prometheus that scrapes it and hurries."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import psutil
import yaml

from service.dev.stack import DarkroomServer, free_port
from service.embedded import EmbeddedServer, Postgres, Valkey
from service.storage import StorageOptions, open_storage
from service.store import Store, migrate, open_store
from tests.observe.rules import PROMETHEUS, ROOT
from tests.observe.stranger import Stranger
from tests.service.harness.receiver import Receiver, receiving
from tests.service.harness.tenants import Tenant, add_tenant

HOST = "127.0.0.1"
FASTER = {"m": "s", "h": "m", "d": "*24m"}  # sixty times
SETTINGS = {
    "slots": 2, "watch_seconds": 0.5, "metrics_services": 5, "lease_seconds": 3,
    "reconcile_seconds": 0.2, "dispatch_grace_seconds": 1, "redispatch_seconds": 2,
    "max_errors": 1, "database_pool": 2, "token_cache_seconds": 0.5, "drain_seconds": 2,
    "callback_private_networks": True, "callback_ports": "*", "callback_seconds": 2,
    "callback_breaker_seconds": 1, "callback_breaker_max_seconds": 2,
}  # fmt: skip


def hurried(rules: str) -> str:
    """Make minutes of rules seconds, in windows, delays and ages."""

    def faster(found: re.Match[str]) -> str:
        number, unit = int(found[2]), found[3]
        time = f"{24 * number}m" if unit == "d" else f"{number}{FASTER[unit]}"
        return f"{found[1]}{time}{found[4]}"

    starts = re.sub(r"(changes\(\w+)\[15m\]", r"\1[120m]", rules)  # a start takes seconds
    waits = re.sub(r"(for: )1h$", r"\g<1>20m", starts, flags=re.MULTILINE)  # a lost scrape ends it
    text = re.sub(r"(\[)(\d+)([mhd])(\])", faster, waits)
    text = re.sub(r"(for: )(\d+)([mhd])($)", faster, text, flags=re.MULTILINE)
    text = text.replace("interval: 30s", "interval: 1s")
    return re.sub(r"> (300|60)\b", lambda found: f"> {int(found[1]) // 60 + 2}", text)


class Prometheus(EmbeddedServer):
    """Prometheus, asked over its API."""

    name: ClassVar[str] = "Prometheus"
    poll_seconds: ClassVar[float] = 0.1

    def __init__(self, directory: Path, targets: dict[str, list[str]]) -> None:
        super().__init__(directory)
        self.url = f"http://{HOST}:{free_port()}"
        self._targets = targets

    async def _prepare(self) -> None:
        self.data.mkdir(exist_ok=True)
        for name in ("records.yml", "alerts.yml"):
            (self.directory / name).write_text(hurried((PROMETHEUS / name).read_text()))
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": self._targets[job["job_name"]]}]
        (self.directory / "prometheus.yml").write_text(yaml.safe_dump(config))

    def _command(self) -> list[str]:
        return [
            str(ROOT / ".venv" / "bin" / "prometheus"),
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]

    async def _is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(self.url + "/-/ready") as got,
            ):
                return got.status == 200
        except aiohttp.ClientError:
            return False

    async def ask(self, path: str, **query: str) -> Any:
        """Ask its API; an error is raised with its words."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/{path}", params=query) as response,
        ):
            answer = await response.json()
        if answer["status"] != "success":
            raise ValueError(f"{query}: {answer['error']}")
        return answer["data"]

    async def firing(self) -> set[str]:
        """Give the alerts that fire now."""
        told = await self.ask("alerts")
        return {a["labels"]["alertname"] for a in told["alerts"] if a["state"] == "firing"}


class Installation:
    """Everything that runs, and what is done to it."""

    def __init__(
        self, postgres: Postgres, valkey: Valkey, api: DarkroomServer, worker: DarkroomServer,
        prometheus: Prometheus, store: Store, tenant: Tenant, receiver: Receiver, url: str,
        stranger: Stranger,
    ) -> None:  # fmt: skip
        self.postgres, self.valkey = postgres, valkey
        self.api, self.worker = api, worker
        self.prometheus = prometheus
        self.store, self.tenant, self.receiver = store, tenant, receiver
        self.url = url
        self.stranger = stranger
        self.sent = 0

    async def post(self, body: object, path: str = "/request") -> int:
        """Send a request; returns the status of the answer, 0 if there was none."""
        timeout = aiohttp.ClientTimeout(total=10)
        self.sent += 1
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self.url + path, data=json.dumps(body), headers=self.tenant.headers
                ) as got,
            ):
                await got.read()
                return got.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def body(self, source: str = "/in.png", **fields: Any) -> dict[str, Any]:
        """Make a request with a callback."""
        told = self.tenant.body(f"{self.sent % 50}.png", callback=self.receiver.url, **fields)
        return told | {"source": source}

    def children(self) -> list[psutil.Process]:
        """Give the rendering children of the worker."""
        servers = {server.pid for server in self.fork_servers()}
        return [each for each in self._sandbox() if each.ppid() in servers]

    def fork_servers(self) -> list[psutil.Process]:
        """Give what they are forked by."""
        return [each for each in self._sandbox() if each.ppid() == self.worker.pid]

    def _sandbox(self) -> list[psutil.Process]:
        found = []
        with suppress(psutil.Error):  # there is no worker now
            for each in psutil.Process(self.worker.pid).children(recursive=True):
                with suppress(psutil.Error):  # it has ended
                    if "service.sandbox.child" in each.cmdline():
                        found.append(each)
        return found

    async def execute(self, statement: str, *values: object) -> None:
        """Change the records behind the service's back."""
        await self.store.pool.execute(statement, *values)


@asynccontextmanager
async def installed(directory: Path, stranger: Stranger) -> AsyncIterator[Installation]:
    """Start everything; the stranger is one more target of Prometheus, beside the API."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(Postgres(directory / "postgres", durable=False))
        valkey = await stack.enter_async_context(Valkey(directory / "valkey"))
        await migrate(postgres.dsn)
        store = await stack.enter_async_context(open_store(postgres.dsn, size=2))
        receiver = await stack.enter_async_context(receiving())
        tenant = await _marked_tenant(store, directory / "pictures")
        ports = {"port": free_port(), "metrics_port": free_port()}
        given = SETTINGS | ports | {"database_url": postgres.dsn, "redis_url": valkey.url}
        url, worker_url = f"http://{HOST}:{ports['port']}", f"http://{HOST}:{ports['metrics_port']}"
        api = DarkroomServer(directory / "api", "serve", given, f"{url}/readyz")
        worker = DarkroomServer(directory / "worker", "worker", given, f"{worker_url}/livez")
        targets = {
            "darkroom-api": [url.removeprefix("http://"), stranger.address],
            "darkroom-worker": [worker_url.removeprefix("http://")],
        }
        prometheus = Prometheus(directory / "prometheus", targets)
        for server in (api, worker, prometheus):
            await stack.enter_async_context(server)
        yield Installation(
            postgres, valkey, api, worker, prometheus, store, tenant, receiver, url, stranger
        )


async def _marked_tenant(store: Store, folder: Path) -> Tenant:
    """Add a service whose folder must have its marker."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    storage = await open_storage(f"file://{folder}", StorageOptions())
    marker = await storage.mark()
    await storage.close()
    return await add_tenant(store, folder, options={"marker": marker})


async def eventually(true: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Tell whether something comes true in time."""
    try:
        async with asyncio.timeout(seconds):
            while not await true():
                await asyncio.sleep(0.25)
    except TimeoutError:
        return False
    return True
