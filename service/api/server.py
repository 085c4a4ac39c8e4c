"""Runs the API: one process, one port, until it is stopped."""

import asyncio
import signal

import structlog
from aiohttp import web

from service.api.app import build_app
from service.http import Runner, probes
from service.settings import Settings

log = structlog.get_logger(__name__)


async def run_server(settings: Settings, *, shared: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way, within the grace.

    Before that it is not ready any more, but goes on answering for `leave_seconds`, so that nobody
    is refused who has not heard of it yet.

    `shared` lets other processes listen on the same port, if they do so too.
    """
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    app = build_app(settings)
    runner = Runner(app, settings)
    await runner.setup()
    try:
        site = web.TCPSite(
            runner, settings.host, settings.port, backlog=1024, reuse_port=shared or None
        )
        await site.start()
        log.info("serving", url=f"http://{settings.host}:{_port(runner)}")
        await stop.wait()
        app[probes.READINESS].draining = True
        runner.leave()
        await asyncio.sleep(settings.leave_seconds)
    finally:
        await runner.cleanup()
    log.info("stopped")


def _port(runner: web.AppRunner) -> int:
    address = runner.addresses[0]
    return int(address[1])
