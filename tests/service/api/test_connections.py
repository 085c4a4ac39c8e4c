"""Clients that are slow, rude, or gone."""

import asyncio
import json
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial

import msgspec
import pytest
import uvloop
from structlog.testing import capture_logs

from service.settings import Settings
from tests.service.harness.api_client import Api, serving
from tests.service.harness.tenants import Tenant, Words, raw_json
from tests.service.harness.workers import until


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


def head(tenant: Tenant, length: int, *more: str) -> bytes:
    lines = [
        "POST /request HTTP/1.1", "Host: x", f"Authorization: Bearer {tenant.token}",
        f"Content-Length: {length}", *more, "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    settings: Settings, tenant: Tenant
) -> None:
    hasty = msgspec.structs.replace(settings, body_seconds=0.1)
    async with serving(hasty) as api, connected(api) as (reader, writer):
        writer.write(head(tenant, 100) + b'{"service')
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer


async def test_a_body_that_arrives_in_pieces_is_taken(api: Api, tenant: Tenant) -> None:
    body = raw_json(tenant.body())
    async with connected(api) as (reader, writer):
        writer.write(head(tenant, len(body)))
        for start in range(0, len(body), 40):
            writer.write(body[start : start + 40])
            await asyncio.sleep(0.001)
        answer = await reader.readuntil(b"}")
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_connection_outlasts_the_time_for_an_answer(
    settings: Settings, tenant: Tenant
) -> None:
    hasty = msgspec.structs.replace(settings, response_seconds=0.1)
    body = raw_json(tenant.body())
    async with serving(hasty) as api, connected(api) as (reader, writer):
        for _ in range(3):
            writer.write(head(tenant, len(body)) + body)
            answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
            assert answer.startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.15)


async def test_a_client_that_hangs_up_is_no_trouble_of_ours(api: Api, tenant: Tenant) -> None:
    line = 'darkroom_http_requests_total{method="POST",route="/request",status="%s"}'
    before = [await api.metric(line % status) for status in (499, 500, 503)]
    with capture_logs() as logs:
        async with connected(api) as (_, writer):
            writer.write(head(tenant, 100) + b'{"service')
            await writer.drain()
            await asyncio.sleep(0.05)
        async with asyncio.timeout(60):
            while await api.metric(line % 499) == before[0]:
                await asyncio.sleep(0.01)
    assert [await api.metric(line % status) for status in (499, 500, 503)] == [
        before[0] + 1,
        *before[1:],
    ]
    assert [entry for entry in logs if entry["log_level"] in {"error", "warning"}] == []


PING = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
SECRET = "drk_" + "s" * 43
TOLD = {
    "content-type": "application/json", "server": "Darkroom", "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}  # fmt: skip


def read_answer(raw: bytes) -> tuple[int, dict[str, str], Words]:
    """Take the first answer of a connection apart."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    return int(first.split()[1]), headers, json.loads(body[: int(headers["content-length"])])


MALFORMED = {
    "TLS": b"\x16\x03\x01nonsense\r\n\r\n",
    "a header without a value": b"GET / HTTP/1.1\r\nBroken\r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "a control character": b"GET /\0 HTTP/1.1\r\n\r\n",
    "a long line": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "a URL that is none": b"GET http://[::1 HTTP/1.1\r\n\r\n",
    "another method": b"BREW / HTTP/1.1\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a length below 0": b"POST /request HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "chunks": b"POST /request HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "a secret": f"GET / HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\nBad\r\n\r\n".encode(),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_not_http_is_answered_within_the_contract(
    api: Api, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    with capture_logs() as logs, caplog.at_level("DEBUG", "aiohttp"):
        async with connected(api) as (reader, writer):
            writer.write(raw)
            status, headers, problem = read_answer(await asyncio.wait_for(reader.read(), 5))
    assert (status, problem["code"]) == (400, "malformed_request")
    assert headers.items() >= TOLD.items()
    assert headers["x-request-id"]
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("malformed_request", "debug")
    ]
    told = str(logs) + caplog.text + problem["message"]
    assert not any(part in told for part in ("Traceback", SECRET, "aaaa", "Bad\\r", "BREW"))


async def test_a_body_that_breaks_off_in_its_chunks(settings: Settings, tenant: Tenant) -> None:
    hasty = msgspec.structs.replace(settings, body_seconds=0.1)
    lines = ["POST /request HTTP/1.1", "Host: x", f"Authorization: Bearer {tenant.token}"]
    start = "\r\n".join([*lines, "Transfer-Encoding: chunked", "", "2", "{}", ""])
    with capture_logs() as logs:
        async with serving(hasty) as api, connected(api) as (reader, writer):
            writer.write(start.encode())
            await asyncio.sleep(0.05)  # it is being handled, most likely; either way will do
            writer.write(b"QQ\r\n")
            status, headers, _ = read_answer(await asyncio.wait_for(reader.readuntil(b"}"), 5))
    assert status in {400, 408}
    assert headers.items() >= TOLD.items()
    assert not [entry for entry in logs if entry["log_level"] in {"error", "warning"}]


async def test_an_expectation_that_nobody_meets(api: Api) -> None:
    async with connected(api) as (reader, writer):
        writer.write(b"POST /request HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n")
        writer.write(b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        status, headers, problem = read_answer(await asyncio.wait_for(reader.read(), 5))
    assert (status, problem["code"]) == (417, "expectation_failed")
    assert headers.items() >= TOLD.items()


async def test_every_answer_says_how_it_is_to_be_taken(api: Api, tenant: Tenant) -> None:
    for method, path in (("GET", "/livez"), ("GET", "/nowhere"), ("PUT", "/request"),
                         ("POST", "/request"), ("GET", "/metrics")):  # fmt: skip
        answer = await api.ask(method, path, tenant)
        assert answer.headers["Server"] == "Darkroom"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("/openapi.json", "/docs"):
        answer = await api.ask("GET", path)
        assert answer.headers["Server"] == "Darkroom"
        assert answer.headers["Cache-Control"] == "no-cache"


@contextmanager
def deaf(api: Api, request: bytes) -> Iterator[socket.socket]:
    """A client that asks and does not read; its kernel takes next to nothing for it."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", api.port))
        client.send(request)
        yield client


async def broken_off(client: socket.socket) -> bool:
    poll = select.poll()
    poll.register(client, 0)  # errors and hanging up are told unasked
    return bool(poll.poll(0))


def unsent(api: Api) -> int:
    """How many bytes wait in the server for its clients."""
    assert api.runner.server is not None
    wires = [connection.transport for connection in api.runner.server.connections]
    return sum(wire.get_write_buffer_size() for wire in wires if wire is not None)


async def fill_and_idle(api: Api) -> None:
    """Ask for small answers until the kernel takes no more of them, and then for nothing."""
    with deaf(api, PING) as client:
        client.setblocking(False)

        async def backed_up() -> bool:
            with suppress(BlockingIOError):
                client.send(PING * 50)
            return unsent(api) > 0

        await until(backed_up)
        assert unsent(api) < 64 * 1024  # nobody waits for the client to take them
        await until(partial(broken_off, client))


async def ask_and_ask(api: Api) -> None:
    """Ask for large answers, one after the other."""
    for path in (b"/openapi.json", b"/docs/swagger-ui-bundle.js"):
        with deaf(api, PING.replace(b"/livez", path) * 100) as client:
            await until(partial(broken_off, client))


@pytest.mark.parametrize("behave", [fill_and_idle, ask_and_ask])
async def test_a_client_that_does_not_read_is_broken_off(
    settings: Settings, behave: Callable[[Api], Awaitable[None]]
) -> None:
    impatient = msgspec.structs.replace(settings, response_seconds=0.3, idle_seconds=0.3)

    async def ask() -> None:
        async with serving(impatient) as api:
            await behave(api)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as `serve` does
            runner.run(ask())

    await asyncio.to_thread(run)


async def test_a_client_that_reads_slowly_has_its_time(settings: Settings) -> None:
    async with serving(settings) as api:
        request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        with deaf(api, request) as client:
            client.setblocking(False)
            read = b""
            loop = asyncio.get_running_loop()
            while piece := await loop.sock_recv(client, 20_000):
                read += piece
                await asyncio.sleep(0.001)
    assert read_answer(read)[0] == 200


async def test_headers_that_come_drop_by_drop_are_not_waited_for(settings: Settings) -> None:
    impatient = msgspec.structs.replace(settings, idle_seconds=0.3)
    async with serving(impatient) as api, connected(api) as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\n")
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(10):
            while not ended.done():
                writer.write(b"X: y\r\n")
                await asyncio.wait([ended], timeout=0.05)
        assert ended.result() == b""


async def test_a_connection_is_kept_after_an_error(api: Api, tenant: Tenant) -> None:
    good = raw_json(tenant.body())
    async with connected(api) as (reader, writer):
        for body, status in ((b"{}", b"400"), (good, b"200"), (b"[", b"400"), (good, b"200")):
            writer.write(head(tenant, len(body)) + body)
            answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
            assert answer.split(b" ")[1] == status


async def test_two_lengths_are_refused(api: Api, tenant: Tenant) -> None:
    body = raw_json(tenant.body())
    async with connected(api) as (reader, writer):
        writer.write(head(tenant, len(body), "Transfer-Encoding: chunked") + body)
        answer = await asyncio.wait_for(reader.read(), 5)
    assert b" 400 " in answer.split(b"\r\n")[0]
