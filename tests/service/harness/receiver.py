"""A customer's server: it writes down what it is sent and answers as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDictProxy

from service.callbacks import Sender
from service.dispatch import Dispatch
from service.ids import new_delivery_id
from service.store import NewDelivery, Store
from tests.service.harness.records import claimed, done, ending, recorded, write
from tests.service.harness.tenants import Tenant


@dataclass
class Received:
    """One request as it came."""

    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass
class Receiver:
    """Answers 200 until `status`, `headers`, `body` or `delay` say otherwise."""

    url: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"thank you"
    delay: float = 0
    received: list[Received] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    closing: "asyncio.Future[None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        self.received.append(Received(request.headers, await request.read()))
        self.arrived.set()
        if self.delay:
            await asyncio.wait([self.closing], timeout=self.delay)
        return web.Response(status=self.status, headers=self.headers, body=self.body)

    @property
    def only(self) -> Received:
        [received] = self.received
        return received


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        receiver.closing.cancel()
        await runner.cleanup()


@asynccontextmanager
async def canary() -> AsyncIterator[list[str]]:
    """Listen on loopback, both kinds; yields the port, then whoever connected to it."""
    connections: list[str] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(str(writer.get_extra_info("sockname")))
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    six = await asyncio.start_server(note, "::1", port)
    connections.append(str(port))
    async with server, six:
        yield connections


async def due(
    store: Store, tenant: Tenant, url: str, *, body: bytes = b"{}", traceparent: str | None = None
) -> str:
    """Have a process whose callback is still to be sent; returns the delivery's id."""
    claim = await claimed(store, await recorded(store, tenant, "a.png"))
    delivery = NewDelivery(
        id=new_delivery_id(), process_id=claim.id, attempt=0, url=url, body=body,
        traceparent=traceparent,
    )  # fmt: skip
    await write(store, claim, done(0), ending(claim, callback=delivery))
    return delivery.id


async def send(sender: Sender, delivery: str, tries: int = 0) -> None:
    """Send a callback that was dispatched under that name."""
    for found in await sender.find([Dispatch(delivery, tries)]):
        await sender.send(found)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a receiver that speaks as it likes, on a port that is given; it may lose its client."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
