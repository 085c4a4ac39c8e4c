"""Callbacks reach what is out on the internet, and nothing of ours."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from service.callbacks import Sender, callback_guard
from service.metrics import Metrics
from service.outbound.address_guard import AddressRefused
from service.settings import Settings
from service.store import Store
from tests.service.harness.receiver import canary, due, receiving, send
from tests.service.harness.tenants import Tenant


@pytest.fixture
def strict(settings: Settings) -> Settings:
    """As an installation is without further settings, but any port will do."""
    return msgspec.structs.replace(
        settings, callback_private_networks=False, callback_ports="*", callback_seconds=2.0
    )


@pytest.fixture
async def sender(shared_store: Store, strict: Settings) -> AsyncIterator[Sender]:
    made = Sender(shared_store, strict, Metrics(version="x", libvips="x"))
    yield made
    made.close()


async def error_of(store: Store, sender: Sender, tenant: Tenant, url: str) -> str:
    """Send, and give the words that the client will see."""
    delivery = await due(store, tenant, url)
    await send(sender, delivery)
    query = "SELECT status, last_error FROM deliveries WHERE id = $1"
    row = await store.pool.fetchrow(query, delivery)
    assert row is not None
    assert row["status"] == "PENDING"
    return str(row["last_error"])


HOSTS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
    "0177.0000.0000.0001", "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]",
    "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "１２７.0.0.1", "①②⑦.0.0.1",
]  # fmt: skip

REFUSALS = {
    "callbacks may not go to private networks",
    "the callback's URL cannot be used",
    "the receiver's name does not resolve",
}


async def test_no_disguise_of_this_machine_is_connected_to(
    shared_store: Store, sender: Sender, tenant: Tenant
) -> None:
    async with canary() as connections:
        port = connections.pop()
        for host in HOSTS:
            url = f"http://{host}:{port}/latest/meta-data"
            words = await error_of(shared_store, sender, tenant, url)
            assert words in REFUSALS, (host, words)
            assert connections == [], host
        for url in (f"http://127.0.0.1:{port}/", f"http://[::1]:{port}/"):
            assert "private networks" in await error_of(shared_store, sender, tenant, url)


async def test_a_name_is_judged_by_where_it_leads(
    shared_store: Store, sender: Sender, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is looked at and private when it is connected to."""
    async with canary() as connections:
        port = int(connections.pop())

        def resolve(host: str, *_: object, **__: object) -> list[object]:
            kinds = (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")
            return [
                (kind, socket.SOCK_STREAM, 6, "", (address, port) + (0, 0) * (kind == 10))
                for kind, address in kinds
            ]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        url = f"http://rebinding.example:{port}/"
        assert "private networks" in await error_of(shared_store, sender, tenant, url)
        assert connections == []


async def test_a_proxy_variable_is_no_way_around(
    shared_store: Store, settings: Settings, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with canary() as connections:
        port = connections.pop()
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        lax = Sender(shared_store, settings, Metrics(version="x", libvips="x"))
        words = await error_of(shared_store, lax, tenant, "http://no-such-host.invalid/")
        lax.close()
        assert words == "the receiver's name does not resolve"
        assert connections == []


async def test_a_redirect_to_this_machine_leads_nowhere(
    shared_store: Store, settings: Settings, tenant: Tenant
) -> None:
    lax = Sender(shared_store, settings, Metrics(version="x", libvips="x"))
    try:
        async with canary() as connections, receiving() as receiver:
            receiver.status = 302
            receiver.headers = {"Location": f"http://127.0.0.1:{connections.pop()}/"}
            words = await error_of(shared_store, lax, tenant, receiver.url)
            assert words == "the receiver answered 302"
            assert connections == []
    finally:
        lax.close()


@pytest.mark.parametrize(
    ("ports", "port", "allowed"),
    [("80,443", 80, True), ("80,443", 443, True), ("80,443", 8080, False), ("80,443", 25, False),
     ("8443", 8443, True), ("8443", 443, False), ("*", 6379, True)],
)  # fmt: skip
def test_only_listed_ports(strict: Settings, ports: str, port: int, allowed: bool) -> None:
    guard = callback_guard(msgspec.structs.replace(strict, callback_ports=ports))
    if allowed:
        guard.check_port(port)
    else:
        with pytest.raises(AddressRefused, match=f"port {port}"):
            guard.check_port(port)


async def test_the_port_is_given_to_the_client(
    shared_store: Store, settings: Settings, tenant: Tenant
) -> None:
    listed = msgspec.structs.replace(settings, callback_ports="80,443")
    careful = Sender(shared_store, listed, Metrics(version="x", libvips="x"))
    async with receiving() as receiver:
        words = await error_of(shared_store, careful, tenant, receiver.url)
        assert words.startswith("callbacks may not go to port ")
        assert receiver.received == []
    careful.close()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200, and never stop."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()
    except ConnectionError:
        writer.close()


async def _half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200, promise a body, and hang up."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200, promise a body, and say nothing more."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    await reader.read()
    writer.close()


@pytest.mark.parametrize("answer", [_endless, _half, _silent])
async def test_a_success_is_one_whatever_follows_its_headers(
    shared_store: Store, settings: Settings, tenant: Tenant, answer: object
) -> None:
    sender = Sender(shared_store, settings, Metrics(version="x", libvips="x"))
    server = await asyncio.start_server(answer, "127.0.0.1", 0)  # type: ignore[arg-type]
    async with server:
        port = server.sockets[0].getsockname()[1]
        delivery = await due(shared_store, tenant, f"http://127.0.0.1:{port}/")
        began = time.monotonic()
        await send(sender, delivery)
        assert time.monotonic() - began < 5
        query = "SELECT status FROM deliveries WHERE id = $1"
        assert await shared_store.pool.fetchval(query, delivery) == "DELIVERED"
    sender.close()


async def test_a_receiver_that_speaks_no_http(
    shared_store: Store, settings: Settings, tenant: Tenant
) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+PONG\r\nSET a b\r\n\r\n")
        writer.close()

    sender = Sender(shared_store, settings, Metrics(version="x", libvips="x"))
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        words = await error_of(shared_store, sender, tenant, f"http://127.0.0.1:{port}/")
    assert words == "the receiver's answer is not HTTP"
    sender.close()
