"""A load balancer in front of the APIs, as simple as they come: by connection, and by readiness."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from tests.chaos.proxy import HOST, pass_on

PROBE_SECONDS = 0.1


class Balancer:
    """Passes each connection to the next API that is ready, or to another if that refuses it."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.url = ""
        self._urls = urls
        self._ready = list(urls)
        self._turn = 0
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def probe(self) -> None:
        """Ask all of them whether they are ready, again and again."""
        timeout = aiohttp.ClientTimeout(total=2)
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:
            while True:
                ready = await asyncio.gather(*(_is_ready(client, url) for url in self._urls))
                self._ready = [url for url, yes in zip(self._urls, ready, strict=True) if yes]
                await asyncio.sleep(PROBE_SECONDS)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a connection on, or break it if nobody takes it."""
        self._turn += 1
        there = self._ready or list(self._urls)
        for step in range(len(there)):
            port = int(there[(self._turn + step) % len(there)].rpartition(":")[2])
            try:
                back_reader, back = await asyncio.open_connection(HOST, port)
            except OSError:
                continue
            both = pass_on(reader, back, self._flowing), pass_on(back_reader, writer, self._flowing)
            try:
                await asyncio.gather(*both)
            finally:
                back.transport.abort()
            break
        writer.transport.abort()


async def _is_ready(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


@asynccontextmanager
async def balanced(urls: Sequence[str]) -> AsyncIterator[str]:
    """Run it; yields its URL."""
    balancer = Balancer(urls)
    server = await asyncio.start_server(balancer.serve, HOST, 0, backlog=1024)
    probing = asyncio.create_task(balancer.probe())
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        server.close()
