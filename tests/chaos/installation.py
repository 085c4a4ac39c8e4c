"""A whole installation as processes: servers, storage, several APIs and workers."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from service.dev.stack import HOST, DarkroomServer, free_port
from service.embedded import Postgres, SeaweedFS, Valkey
from service.ids import new_token, new_webhook_secret, token_hash
from service.storage import StorageOptions, open_storage
from service.store import migrate, open_store
from tests.chaos.batches import SOURCES, put_sources
from tests.chaos.keeper import Kept, keeping
from tests.chaos.options import Options
from tests.chaos.proxy import Proxy, proxied
from tests.s3 import client_of

BUCKET = "darkroom"
MEGABYTES_A_PROCESS = 0.3
WITH_STACKS = """\
import faulthandler, runpy, signal
faulthandler.register(signal.SIGUSR2)
runpy.run_module("service.cli", run_name="__main__", alter_sys=True)
"""


class Folder:
    """A folder, on a small file system of its own if we may mount one."""

    def __init__(self, directory: Path, processes: int) -> None:
        self._megabytes = 32 + round(MEGABYTES_A_PROCESS * processes)
        self._home = directory / "storage"
        self._home.mkdir(parents=True)
        self.can_be_full = os.geteuid() == 0 and self._mount(f"size={self._megabytes}m")
        self._folder = self._home / "customer"
        put_sources(self._folder)
        self.url = self._folder.as_uri()
        self.options: dict[str, str] = {}

    @asynccontextmanager
    async def blackout(self, *, hangs: bool) -> AsyncIterator[None]:
        """Move the folder away; a folder cannot hang."""
        del hangs
        away = self._folder.with_name("away")
        self._folder.rename(away)
        try:
            yield
        finally:
            away.rename(self._folder)

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        """Shrink the file system to what is used."""
        used = shutil.disk_usage(self._home).used
        self._mount(f"remount,size={used}")
        try:
            yield
        finally:
            self._mount(f"remount,size={self._megabytes}m")

    async def read(self, key: str) -> bytes:
        """Read a result."""
        return (self._folder / key).read_bytes()

    def put(self, key: str, data: bytes) -> None:
        """Write a source."""
        (self._folder / key).write_bytes(data)

    def close(self) -> None:
        """Unmount."""
        if self.can_be_full:
            subprocess.run(["umount", "--lazy", str(self._home)], check=False)

    def _mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "darkroom-chaos", str(self._home)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Bucket:
    """SeaweedFS behind a proxy that fails."""

    can_be_full = False

    def __init__(self, server: SeaweedFS, proxy: Proxy) -> None:
        self._server = server
        self._proxy = proxy
        self.url = f"s3://{BUCKET}/customer"
        self.options = {
            "endpoint": f"http://{HOST}:{proxy.port}",
            "access_key": server.access_key,
            "secret_key": server.secret_key,
        }

    @asynccontextmanager
    async def blackout(self, *, hangs: bool) -> AsyncIterator[None]:
        """Break connections, or let them hang."""
        async with self._proxy.frozen() if hangs else self._proxy.dark():
            yield

    async def put_sources(self) -> None:
        """Write every source that exists."""
        async with client_of(self._server) as client:
            for name, data in SOURCES.items():
                await client.put_object(Bucket=BUCKET, Key=f"customer/{name}", Body=data)

    async def read(self, key: str) -> bytes:
        """Read a result, past the proxy."""
        async with client_of(self._server) as client:
            try:
                answer = await client.get_object(Bucket=BUCKET, Key=f"customer/{key}")
            except client.exceptions.NoSuchKey:
                raise FileNotFoundError(key) from None
            data: bytes = await answer["Body"].read()
            return data


@dataclass
class Installation:
    """Everything that can be asked, broken and looked at."""

    postgres: Postgres
    valkey: Valkey
    storage: Folder | Bucket
    apis: list[Kept]
    workers: list[Kept]
    urls: list[str]
    service_id: int
    token: str
    locks: dict[str, asyncio.Lock] = field(
        default_factory=lambda: {name: asyncio.Lock() for name in ("postgres", "valkey", "storage")}
    )
    """Held by whoever breaks one of the servers."""

    @property
    def kept(self) -> list[Kept]:
        """The APIs and workers."""
        return [*self.apis, *self.workers]

    @property
    def dsn(self) -> str:
        """The database."""
        return self.postgres.dsn


@asynccontextmanager
async def installed(
    directory: Path, options: Options, **changes: object
) -> AsyncIterator[Installation]:
    """Start everything, with changes to the settings, and stop it at the end."""
    async with AsyncExitStack() as stack:
        postgres = Postgres(directory / "postgres", durable=options.durable)
        valkey = Valkey(directory / "valkey")
        for server in (postgres, valkey):
            server.start_seconds = server.stop_seconds = options.stall_seconds
        await asyncio.gather(stack.enter_async_context(postgres), stack.enter_async_context(valkey))
        await migrate(postgres.dsn)
        storage = await _storage(stack, directory, options)
        token = new_token()
        marked = storage.options | await _marked(storage)
        async with open_store(postgres.dsn, size=1) as store:
            service_id = await store.services.add(
                name="chaos",
                storage_url=storage.url,
                storage_options=marked,
                webhook_secret=new_webhook_secret(),
                token_hash=token_hash(token),
            )
        settings = _settings(postgres, valkey, options) | changes
        apis, urls = [], []
        for number in range(options.apis):
            port = free_port()
            urls.append(f"http://{HOST}:{port}")
            apis.append(_kept(directory, "serve", number, settings | {"port": port}, options))
        workers = [
            _kept(directory, "worker", number, settings | {"metrics_port": free_port()}, options)
            for number in range(options.workers)
        ]
        await stack.enter_async_context(keeping([*apis, *workers], options.stall_seconds))
        yield Installation(postgres, valkey, storage, apis, workers, urls, service_id, token)


async def _marked(storage: Folder | Bucket) -> dict[str, str]:
    """Mark the storage as `darkroom services add` does, so that it is missed when it is away."""
    opened = await open_storage(storage.url, msgspec.convert(storage.options, StorageOptions))
    try:
        marker = await opened.mark()
    finally:
        await opened.close()
    return {"marker": marker} if marker else {}


async def _storage(stack: AsyncExitStack, directory: Path, options: Options) -> Folder | Bucket:
    if options.storage == "folder":
        folder = Folder(directory, options.processes)
        stack.callback(folder.close)
        return folder
    server = await stack.enter_async_context(SeaweedFS(directory / "seaweedfs", bucket=BUCKET))
    port = int(server.endpoint.rsplit(":", 1)[1])
    bucket = Bucket(server, await stack.enter_async_context(proxied(port)))
    await bucket.put_sources()
    return bucket


def _settings(postgres: Postgres, valkey: Valkey, options: Options) -> dict[str, object]:
    """Give the defaults, but for what makes faults that we inflict look like the customer's.

    Children and storages fail far more often here than anywhere: no job may be given up for it.
    """
    return {
        "database_url": postgres.dsn,
        "redis_url": valkey.url,
        "host": HOST,
        "metrics_host": HOST,
        "slots": 1,
        "lease_seconds": options.lease_seconds,
        "max_crashes": 50,
        "max_errors": 50,
        "max_lost_runs": 50,
        "callback_private_networks": True,
        "callback_ports": "*",
    }


class _Server(DarkroomServer):
    """An API or a worker that writes its stacks into its log at SIGUSR2."""

    def _command(self) -> list[str]:
        return [sys.executable, "-c", WITH_STACKS, self.name]


def _kept(
    directory: Path, command: str, number: int, settings: dict[str, object], options: Options
) -> Kept:
    name = f"{'api' if command == 'serve' else command}-{number + 1}"
    port = settings["port" if command == "serve" else "metrics_port"]
    probe = f"http://{HOST}:{port}/readyz"
    server = _Server(directory / name, command, settings, probe)
    # A start that is slow is no fault: killed and begun anew on a busy machine, it would never end.
    server.start_seconds = options.stall_seconds
    return Kept(server, name, probe)
