"""Workers in this process, or in one of their own, and waiting for what they do."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec
import psutil

from service.dev.stack import free_port
from service.settings import Settings, as_environment
from service.worker.worker import Running, open_worker
from tests.service.harness.api_client import Api, metric
from tests.service.harness.forked_servers import SERVER_LOADER
from tests.service.harness.loaded import LOADER, Forked
from tests.service.harness.tenants import Tenant, Words

OVER = {"FINISHED", "FAILED"}


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Running]:
    """Run a worker here; what it has not done at the end is given back."""
    with SERVER_LOADER.forking():
        async with open_worker(settings) as running:
            try:
                yield running
            finally:
                await running.drain(0)


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Ask again and again until something is true; TimeoutError if it never is.

    What takes longer is asked less often, since asking takes the time of whoever is to do it.
    """
    pause = 0.005
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(pause)
            pause = min(1.2 * pause, 0.05)


async def reached(api: Api, tenant: Tenant, process_id: str, statuses: set[str]) -> Words:
    """Wait for a process to be in one of these states, and give its status."""
    found: Words = {}

    async def there() -> bool:
        nonlocal found
        found = await api.status(tenant, process_id)
        return found["status"] in statuses

    await until(there)
    return found


async def ended(api: Api, tenant: Tenant, process_id: str) -> Words:
    return await reached(api, tenant, process_id, OVER)


async def done_by(api: Api, tenant: Tenant, body: Words | None = None) -> Words:
    """Have a process accepted and wait for its end."""
    return await ended(api, tenant, await api.create(tenant, body))


def outcomes(status: Words) -> list[str]:
    """Give each job's status, or the code of its error."""
    return [job["error"]["code"] if "error" in job else job["status"] for job in status["jobs"]]


async def scraped(settings: Settings, line: str) -> float:
    """Read one number of a worker's metrics."""
    url = f"http://{settings.metrics_host}:{settings.metrics_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return metric(await response.text(), line)


class WorkerProcess:
    """`darkroom worker` as operators run it."""

    def __init__(self, process: Forked, settings: Settings) -> None:
        self.process = process
        self.settings = settings

    @staticmethod
    def environment(settings: Settings) -> dict[str, str]:
        """Give the variables that make a process of ours run with these settings."""
        ours = as_environment(msgspec.structs.asdict(settings))
        return {k: v for k, v in os.environ.items() if not k.startswith("DARKROOM_")} | ours

    def stop_rendering(self) -> None:
        """Freeze its children, so that whatever it renders takes for ever."""
        for child in self._renderers():
            child.suspend()

    def go_on_rendering(self) -> None:
        for child in self._renderers():
            with suppress(psutil.NoSuchProcess):  # a worker that goes on may have ended it
                child.resume()

    def _renderers(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children(recursive=True)
        renderers = [child for child in children if _renders(child)]
        assert renderers
        return renderers

    async def scrape(self, line: str) -> float:
        """Read one number of its metrics."""
        return await scraped(self.settings, line)

    async def end(self, signum: signal.Signals) -> int:
        os.kill(self.process.pid, signum)
        async with asyncio.timeout(60):
            return await self.process.wait()


def _renders(process: psutil.Process) -> bool:
    """Whether it is a rendering child, or the server that forks them."""
    try:
        return "service.sandbox.child" in process.cmdline()
    except psutil.NoSuchProcess:  # it has just ended, and may be a zombie still
        return False


@asynccontextmanager
async def worker_process(
    settings: Settings, *, afresh: bool = False
) -> AsyncIterator[WorkerProcess]:
    """Run a worker in a process of its own; ready when it is given, killed at the end.

    Its children are its own if they are started `afresh`.
    """
    settings = msgspec.structs.replace(settings, metrics_port=free_port())
    environ = WorkerProcess.environment(settings)
    process = await LOADER.start("worker", environ=environ, afresh=afresh)
    try:
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                assert process.returncode is None
                try:
                    url = f"http://127.0.0.1:{settings.metrics_port}/readyz"
                    async with session.get(url) as response:
                        return response.status == 200
                except aiohttp.ClientError:
                    return False

            await until(ready)
        yield WorkerProcess(process, settings)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
