"""`darkroom serve` on a port: alone, or as several processes if that is asked for."""

import asyncio
import os
import signal
import sys

import msgspec
import psutil

from service.dev.stack import free_port
from service.settings import Settings
from tests.service.harness.workers import WorkerProcess, until


async def test_a_port_is_shared_only_by_the_processes_that_were_asked_for(
    settings: Settings,
) -> None:
    settings = msgspec.structs.replace(settings, port=free_port())
    url = ("127.0.0.1", settings.port)

    async def serve(*arguments: str, stderr: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "service.cli", "serve", *arguments,
            env=WorkerProcess.environment(settings), stderr=stderr,
        )  # fmt: skip

    def children() -> list[psutil.Process]:
        return psutil.Process(several.pid).children()

    async def listening() -> bool:
        holders = [p for p in children() if any(c.laddr == url for c in p.net_connections("tcp"))]
        return len(holders) == 2

    several = await serve("--processes", "2", stderr=asyncio.subprocess.DEVNULL)
    try:
        await until(listening, seconds=60)
        second = await serve("--processes", "2", stderr=asyncio.subprocess.PIPE)
        _, told = await second.communicate()
        assert second.returncode == 1
        last = told.decode().splitlines()[-1]
        assert f"port {settings.port} of 127.0.0.1 is in use by another process" in last
        first = children()[0]
        first.kill()
        await asyncio.to_thread(first.wait, 10)
        await until(listening, seconds=60)
        family = children()
        os.kill(several.pid, signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await several.wait() == 0
        assert not [child for child in family if child.is_running()]
    finally:
        if several.returncode is None:
            several.kill()
            await several.wait()
