"""A process of another version, which is scraped beside the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from service.metrics import Metrics, Role


class Stranger:
    """Has metrics while it is `there`."""

    def __init__(self) -> None:
        self.metrics = Metrics(version="another", libvips="8", role=Role.WORKER)
        self.there = False
        self.address = ""

    async def answer(self, _: web.Request) -> web.Response:
        """Be scraped."""
        return web.Response(body=self.metrics.expose() if self.there else b"")


@asynccontextmanager
async def visiting() -> AsyncIterator[Stranger]:
    """Serve it."""
    stranger = Stranger()
    app = web.Application()
    app.router.add_get("/metrics", stranger.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stranger.address = f"127.0.0.1:{runner.addresses[0][1]}"
    yield stranger
    await runner.cleanup()
