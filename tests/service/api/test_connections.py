"""Clients that are slow, rude, or gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from structlog.testing import capture_logs

from service.settings import Settings
from tests.service.harness.api_client import Api, serving
from tests.service.harness.tenants import Tenant, spelt


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
    body = spelt(tenant.body())
    async with connected(api) as (reader, writer):
        writer.write(head(tenant, len(body)))
        for start in range(0, len(body), 40):
            writer.write(body[start : start + 40])
            await asyncio.sleep(0.001)
        answer = await reader.readuntil(b"}")
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_hangs_up_is_no_trouble_of_ours(api: Api, tenant: Tenant) -> None:
    line = 'darkroom_http_requests_total{method="POST",route="/request",status="%s"}'
    before = [await api.metric(line % status) for status in (499, 500, 503)]
    with capture_logs() as logs:
        async with connected(api) as (_, writer):
            writer.write(head(tenant, 100) + b'{"service')
            await writer.drain()
            await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            while await api.metric(line % 499) == before[0]:
                await asyncio.sleep(0.01)
    assert [await api.metric(line % status) for status in (499, 500, 503)] == [
        before[0] + 1,
        *before[1:],
    ]
    assert [entry for entry in logs if entry["log_level"] in {"error", "warning"}] == []


@pytest.mark.parametrize(
    "raw",
    [b"\x16\x03\x01nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nBroken\r\n\r\n", b"GET\r\n\r\n"],
)
async def test_what_is_not_http_is_a_400(api: Api, raw: bytes) -> None:
    async with connected(api) as (reader, writer):
        writer.write(raw)
        answer = await asyncio.wait_for(reader.read(), 5)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"Traceback" not in answer
    assert (await api.ask("GET", "/livez")).status == 200


async def test_a_connection_is_kept_after_an_error(api: Api, tenant: Tenant) -> None:
    good = spelt(tenant.body())
    async with connected(api) as (reader, writer):
        for body, status in ((b"{}", b"400"), (good, b"200"), (b"[", b"400"), (good, b"200")):
            writer.write(head(tenant, len(body)) + body)
            answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
            assert answer.split(b" ")[1] == status


async def test_two_lengths_are_refused(api: Api, tenant: Tenant) -> None:
    body = spelt(tenant.body())
    async with connected(api) as (reader, writer):
        writer.write(head(tenant, len(body), "Transfer-Encoding: chunked") + body)
        answer = await asyncio.wait_for(reader.read(), 5)
    assert b" 400 " in answer.split(b"\r\n")[0]
