"""Starts and stops a complete installation on this machine: servers, API, worker."""

import asyncio
import json
import os
import secrets
import shlex
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import ClassVar

import aiohttp
import msgspec
from msgspec import Struct

from service.embedded import EmbeddedServer, Postgres, SeaweedFS, Valkey
from service.errors import EmbeddedError
from service.ids import new_token, new_webhook_secret, token_hash
from service.settings import PREFIX, as_environment
from service.storage import StorageOptions
from service.store import Store, migrate, open_store

HOST = "127.0.0.1"
SERVICE = "demo"
BUCKET = "darkroom"


class Dev(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of `.darkroom/dev.json`: what a client or a test needs to use this stack."""

    url: str
    service_id: int
    token: str
    webhook_secret: str
    storage: str
    storage_endpoint: str = ""
    storage_access_key: str = ""
    storage_secret_key: str = ""
    metrics_urls: list[str]
    pids: dict[str, int]

    @property
    def options(self) -> StorageOptions:
        """How to reach the storage."""
        return StorageOptions(
            endpoint=self.storage_endpoint,
            access_key=self.storage_access_key,
            secret_key=self.storage_secret_key,
        )


class DarkroomServer(EmbeddedServer):
    """The API or a worker, ready when its probe says so."""

    stop_seconds: float = 40.0
    poll_seconds: ClassVar[float] = 0.05

    def __init__(
        self,
        directory: Path,
        command: str,
        settings: Mapping[str, object],
        probe: str,
        arguments: Sequence[str] = (),
    ) -> None:
        super().__init__(directory)
        self.name = command  # type: ignore[misc]  # one class, two commands
        self._arguments = arguments
        self._settings = as_environment(settings)
        self._probe = probe

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "service.cli", self.name, *self._arguments]

    def _environment(self) -> dict[str, str]:
        return self._settings

    async def _prepare(self) -> None:
        self.data.mkdir(exist_ok=True)

    async def _is_ready(self) -> bool:
        timeout = aiohttp.ClientTimeout(total=2)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._probe) as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


@asynccontextmanager
async def run_stack(
    directory: Path,
    *,
    storage: str,
    port: int,
    workers: int = 1,
    processes: int = 1,
    slots: int = 0,
) -> AsyncIterator[Dev]:
    """Start everything in a directory, and stop it at the end; a second start keeps the data.

    So many workers of so many slots (0: one for each core), and an API of so many processes.
    """
    _clear_settings()
    _check_free(port)
    async with AsyncExitStack() as stack:
        postgres, valkey = Postgres(directory / "postgres"), Valkey(directory / "valkey")
        weed = SeaweedFS(directory / "seaweedfs", bucket=BUCKET) if storage == "s3" else None
        backing: list[EmbeddedServer] = [postgres, valkey, *([weed] if weed else [])]
        await _start(stack, backing)
        await migrate(postgres.dsn)
        async with open_store(postgres.dsn, size=1) as store:
            dev = await _demo_service(store, directory, weed)
        port = port or free_port()
        settings = _settings(postgres, valkey, port) | {"slots": slots}
        url = f"http://{HOST}:{port}"
        worker_urls = [f"http://{HOST}:{free_port()}" for _ in range(workers)]
        own = [
            _make_api(directory, settings, url, processes),
            *_make_workers(directory, settings, worker_urls),
        ]
        await _start(stack, own)
        dev = msgspec.structs.replace(
            dev,
            url=url,
            metrics_urls=[f"{each}/metrics" for each in (url, *worker_urls)],
            pids={server.directory.name: server.pid for server in [*backing, *own]},
        )
        write_shell(directory, dev, postgres.dsn, valkey.url)
        yield write_dev(directory, dev)


async def first_exit(dev: Dev) -> str:
    """Wait until one of the stack's servers ends by itself; returns its name."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT  # its owner reaps it
    while True:
        for name, pid in dev.pids.items():
            if os.waitid(os.P_PID, pid, flags) is not None:  # noqa: ASYNC222 - WNOHANG
                return name
        await asyncio.sleep(0.5)


def write_dev(directory: Path, dev: Dev) -> Dev:
    """Write `dev.json` atomically, readable by its owner only."""
    fresh = directory / f"dev.json.{secrets.token_hex(4)}"
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(dev), indent=2) + b"\n")
    fresh.replace(directory / "dev.json")
    return dev


def write_shell(directory: Path, dev: Dev, database_url: str, redis_url: str) -> None:
    """Write `env`, which tells a shell this stack's URL and token, and where its servers are.

    So that the command `darkroom` is found, its folder is added to the PATH.
    """
    variables = {
        "URL": dev.url, "TOKEN": dev.token, "SERVICE_ID": str(dev.service_id),
        **as_environment({"database_url": database_url, "redis_url": redis_url}),
    }  # fmt: skip
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH")
    file = directory / "env"
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n")


def free_port() -> int:
    """Find a free port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise EmbeddedError(
                f"port {port} is taken ({error.strerror}): choose another, or 0 for any free port"
            ) from None


def _clear_settings() -> None:
    """Drop the settings of the environment: this stack has its own."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


async def _start(stack: AsyncExitStack, servers: Sequence[EmbeddedServer]) -> None:
    """Start servers concurrently; whatever was started is stopped in the end."""
    for server in servers:
        stack.push_async_callback(server.stop)
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(server.start())


def _settings(postgres: Postgres, valkey: Valkey, port: int) -> dict[str, object]:
    return {
        "database_url": postgres.dsn,
        "redis_url": valkey.url,
        "host": HOST,
        "port": port,
        "metrics_host": HOST,
        # receivers of callbacks are on this machine too
        "callback_private_networks": True,
        "callback_ports": "*",
    }


def _make_api(
    directory: Path, settings: Mapping[str, object], url: str, processes: int
) -> DarkroomServer:
    arguments = ["--processes", str(processes)]
    return DarkroomServer(directory / "api", "serve", settings, f"{url}/readyz", arguments)


def _make_workers(
    directory: Path, settings: Mapping[str, object], urls: Sequence[str]
) -> Iterator[DarkroomServer]:
    """Make a worker for each URL of its probes, in a directory of its own."""
    for number, url in enumerate(urls, 1):
        name = "worker" if number == 1 else f"worker-{number}"
        own = {**settings, "metrics_port": int(url.rpartition(":")[2])}
        yield DarkroomServer(directory / name, "worker", own, f"{url}/readyz")


async def _demo_service(store: Store, directory: Path, weed: SeaweedFS | None) -> Dev:
    """Create the service of the demo, or find it with the token in `dev.json`."""
    folder = directory / "storage"
    folder.mkdir(exist_ok=True)
    url = f"s3://{BUCKET}/{SERVICE}" if weed else folder.resolve().as_uri()
    options = {}
    if weed:
        options = {
            "endpoint": weed.endpoint,
            "access_key": weed.access_key,
            "secret_key": weed.secret_key,
        }
    service_id, token = await _service_and_token(store, directory, url, options)
    service = await store.services.get(service_id)
    assert service is not None  # noqa: S101 - it was made above
    return Dev(
        url="",
        service_id=service_id,
        token=token,
        webhook_secret=service.webhook_secrets[0],
        storage=url,
        **{f"storage_{name}": value for name, value in options.items()},
        metrics_urls=[],
        pids={},
    )


async def _service_and_token(
    store: Store, directory: Path, url: str, options: dict[str, str]
) -> tuple[int, str]:
    service_id = await store.services.find(SERVICE)
    if service_id is None:
        token = new_token()
        service_id = await store.services.add(
            name=SERVICE,
            storage_url=url,
            storage_options=options,
            webhook_secret=new_webhook_secret(),
            token_hash=token_hash(token),
        )
        return service_id, token
    await store.services.set_storage(service_id, url, options)
    token = _stored_token(directory)
    if await store.services.holder(token_hash(token)) is None:
        token = new_token()
        await store.services.add_token(service_id, token_hash(token))
    return service_id, token


def _stored_token(directory: Path) -> str:
    try:
        return str(json.loads((directory / "dev.json").read_text())["token"])
    except (OSError, ValueError, KeyError):
        return ""
