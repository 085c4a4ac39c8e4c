"""Sources on the web: what is fetched, what is not, and how that is told."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import DarkroomError, SourceTooLarge
from service.errors import SourceDenied, SourceNotFound, SourceUnavailable
from service.outbound import WebSources, host_allowed, read_host
from service.settings import Settings
from tests.service.callbacks.hostile import HOSTILE
from tests.service.harness.image_server import (
    Authority,
    ImageServer,
    serving_images,
    talking_tls,
)
from tests.service.harness.receiver import Talk, canary

LAX = Settings(
    database_url="-", redis_url="-", source_private_networks=True, source_ports="*",
    source_seconds=5.0,
)  # fmt: skip
DATA = bytes(range(256)) * 1000


async def _localhost(_service_id: int) -> Iterable[str]:
    return ["localhost"]


def web_sources(**changes: Any) -> WebSources:
    return WebSources(_localhost, msgspec.structs.replace(LAX, **changes), lambda *_: None)


async def fetched(url: str, limit: int = 10**6, **changes: Any) -> bytes:
    web = web_sources(**changes)
    try:
        with await web.fetch(1, url, limit=limit) as file:
            return file.read()
    finally:
        web.close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    return Authority(tmp_path, monkeypatch)


@pytest.fixture
async def images(authority: Authority) -> AsyncIterator[ImageServer]:
    async with serving_images(authority.context()) as server:
        server.files = {"in.png": DATA, "empty": b""}
        yield server


async def test_a_file_is_fetched_by_a_plain_get(images: ImageServer) -> None:
    assert await fetched(images.url("in.png?a=%7Eb")) == DATA
    assert await fetched(images.url("empty")) == b""
    headers = images.asked[0]
    assert headers["Host"] == f"localhost:{images.port}"
    assert headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in headers


@pytest.mark.parametrize("ranges", [True, False])
async def test_ranges_are_read(images: ImageServer, ranges: bool) -> None:
    images.ranges = ranges
    web = web_sources()
    url = images.url("in.png")
    for start, count in ((0, 100), (250_000, 100), (255_990, 100)):
        part = await web.read(1, url, start=start, count=count, limit=10**6)
        assert part.data == DATA[start : start + count]
        assert (part.size, part.version) == (len(DATA), f'"{hash("in.png")}"')
    empty = await web.read(1, images.url("empty"), start=0, count=100, limit=10**6)
    assert (empty.data, empty.size) == (b"", 0)
    with pytest.raises(SourceTooLarge):
        await web.read(1, url, start=0, count=100, limit=len(DATA) - 1)
    web.close()


async def test_more_than_the_limit_is_not_read(images: ImageServer) -> None:
    with pytest.raises(SourceTooLarge, match="MAX_SOURCE_BYTES"):
        await fetched(images.url("in.png"), limit=len(DATA) - 1)
    assert await fetched(images.url("in.png"), limit=len(DATA)) == DATA


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, SourceNotFound), (410, SourceNotFound),
        (400, SourceDenied), (401, SourceDenied), (403, SourceDenied), (451, SourceDenied),
        (204, SourceDenied), (206, SourceDenied), (301, SourceDenied), (307, SourceDenied),
        (408, SourceUnavailable), (429, SourceUnavailable), (500, SourceUnavailable),
        (503, SourceUnavailable),
    ],
)  # fmt: skip
async def test_answers_without_a_file(
    images: ImageServer, status: int, kind: type[DarkroomError]
) -> None:
    with pytest.raises(kind, match=f"the image server answered {status} for") as caught:
        await fetched(images.url(str(status)))
    assert caught.value.retryable == (kind is SourceUnavailable)
    assert len(images.asked) == 1


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1000\r\n" + bytes(4096) + b"\r\n")
        await writer.drain()


async def _short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot so much")
    writer.write_eof()
    await reader.read()


async def _packed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx")
    await reader.read()


@pytest.mark.parametrize("talk", [*HOSTILE, _short])
async def test_a_server_that_does_not_answer_as_it_should(authority: Authority, talk: Talk) -> None:
    async with talking_tls(talk, authority.context()) as url:
        with pytest.raises(SourceUnavailable, match="the image server"):
            await fetched(url, source_seconds=0.5)


async def test_an_endless_or_compressed_file_is_given_up(authority: Authority) -> None:
    async with talking_tls(_endless, authority.context()) as url:
        with pytest.raises(SourceTooLarge):
            await fetched(url, limit=100_000)
    async with talking_tls(_packed, authority.context()) as url:
        with pytest.raises(SourceDenied, match="compressed"):
            await fetched(url)


async def test_what_may_not_be_asked_is_not_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with canary() as connections:
        port = connections.pop()
        url = f"https://localhost:{port}/"
        for refused, changes, words in (
            (url, {"source_private_networks": False}, "private networks"),
            (url, {"source_ports": "443"}, f"may not go to port {port}"),
            (f"https://127.0.0.1:{port}/", {}, "not among those that are allowed"),
        ):
            with pytest.raises(SourceDenied, match=words):
                await fetched(refused, **changes)
        assert connections == []
    stranger = Authority(tmp_path, monkeypatch, trusted=False)
    async with serving_images(stranger.context()) as server:
        with pytest.raises(SourceDenied, match="certificate is not valid"):
            await fetched(server.url("in.png"))
        assert server.asked == []


async def test_a_refused_connection_may_be_better_later() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    with suppress(TimeoutError):
        await server.wait_closed()
    with pytest.raises(SourceUnavailable, match="no connection to the image server"):
        await fetched(f"https://localhost:{port}/")


@pytest.mark.parametrize(
    ("host", "allowed", "others"),
    [
        ("img.Example.com", ["img.example.com", "IMG.example.com.:8443"],
         ["example.com", "a.img.example.com", "img.example.com.evil.test"]),
        ("*.example.com", ["a.example.com", "a.b.example.com"],
         ["example.com", "aexample.com", "example.com.evil.test"]),
        ("bücher.example", ["xn--bcher-kva.example", "BÜCHER.example"], ["bucher.example"]),
    ],
)  # fmt: skip
def test_hosts_that_are_allowed(host: str, allowed: list[str], others: list[str]) -> None:
    hosts = [read_host(host)]
    for name in allowed:
        assert host_allowed(f"https://{name}/a.jpg", hosts), name
    for name in others:
        assert not host_allowed(f"https://{name}/{host}", hosts), name
    assert not host_allowed("https://a.example/", [])


@pytest.mark.parametrize(
    "text", ["", "*", "*.", "a b", "a/b", "https://a", "a:443", "u@a", "a.*.b", "a?b", "a#b"]
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ValueError, match="expected a host"):
        read_host(text)
