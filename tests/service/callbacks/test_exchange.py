"""One POST: what is sent is what was given, and no answer is too much for us."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
import trustme

from service.callbacks.connection import Response
from service.callbacks.exchange import Exchange
from service.outbound import ExchangeFailed
from service.outbound.target import parse_target
from service.settings import Settings
from tests.service.callbacks.hostile import (
    drip,
    endless_headers,
    endless_interim,
    endless_line,
    hang_up,
    nonsense,
)
from tests.service.harness.receiver import Talk, talking

PLAIN = Settings(
    database_url="-", redis_url="-", callback_private_networks=True, callback_ports="*",
    callback_seconds=5.0,
)  # fmt: skip


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    made = Exchange(PLAIN)
    yield made
    made.close()


async def failure(exchange: Exchange, talk: Talk) -> str:
    """Post to a receiver that speaks like that; give the words for the client."""
    async with talking(talk) as port:
        with pytest.raises(ExchangeFailed) as caught:
            await exchange.post(parse_target(f"http://127.0.0.1:{port}/"), {}, b"{}")
    return str(caught.value)


@pytest.mark.parametrize(
    ("after", "sent"),
    [
        ("/hook?user=a%40b.example&n=%7E~", "/hook?user=a%40b.example&n=%7E~"),
        ("/a/../b/./c//d", "/a/../b/./c//d"),
        ("/%2e%2E/%c3%BC?a=b%20c+d&&=", "/%2e%2E/%c3%BC?a=b%20c+d&&="),
        ("/!$&'()*+,;=:@[]{}|\\^`\"<>", "/!$&'()*+,;=:@[]{}|\\^`\"<>"),
        ("/100%?%zz", "/100%?%zz"),
        ("?a=1", "/?a=1"),
        ("", "/"),
        ("/?", "/?"),
        ("/bücher?ü=%fc", "/b%C3%BCcher?%C3%BC=%fc"),
    ],
)
async def test_a_url_is_sent_byte_for_byte(exchange: Exchange, after: str, sent: str) -> None:
    heads: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        assert await reader.readexactly(7) == b'{"a":1}'
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    async with talking(note) as port:
        target = parse_target(f"http://LocalHost:{port}{after}")
        headers = {"Content-Type": "application/json", "webhook-id": "msg_1"}
        assert await exchange.post(target, headers, b'{"a":1}') == Response(204, "")
    [head] = heads
    assert head.decode() == (
        f"POST {sent} HTTP/1.1\r\nHost: LocalHost:{port}\r\nContent-Length: 7\r\n"
        "Content-Type: application/json\r\nwebhook-id: msg_1\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("http://Shop.Example", "shop.example", 80, "Shop.Example"),
        ("HTTPS://shop.example:8443/x", "shop.example", 8443, "shop.example:8443"),
        ("https://shop.example:/x", "shop.example", 443, "shop.example:"),
        ("http://bücher.example/", "xn--bcher-kva.example", 80, "xn--bcher-kva.example"),
        ("http://[2606:4700::1]:81/", "2606:4700::1", 81, "[2606:4700::1]:81"),
        ("http://under_score.example./", "under_score.example.", 80, "under_score.example."),
    ],
)
def test_where_a_url_leads(url: str, host: str, port: int, authority: str) -> None:
    target = parse_target(url)
    assert (target.host, target.port, target.authority) == (host, port, authority)
    assert target.secure == url.lower().startswith("https")


@pytest.mark.parametrize(
    "url",
    ["", "shop.example", "ftp://a/", "http://", "http:///x", "http://u@a/", "http://u:p@a/",
     "http://a\\@b/", "http://a\\b/", "http://a:0/", "http://a:65536/", "http://a:x/",
     "http://a..b/", "http://.a/", "http://ex%61mple/", "http://[fe80::1%25eth0]/", "http://[::1/",
     "http://[v1.a]/", "http://a/#b", "http://a/b c", "http://a/\r\nX: y", "http://a\n/",
     "http://a/\0", "http://" + "a" * 64 + "/", "http://" + "a." * 130 + "b/", "http://a/\ud800"],
)  # fmt: skip
def test_urls_that_cannot_be_sent_to(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of many kinds
        parse_target(url)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (endless_interim, "the receiver sends interim answers without end"),
        (endless_headers, "the headers of the receiver's answer are too long"),
        (endless_line, "the headers of the receiver's answer are too long"),
        (nonsense, "the receiver's answer is not HTTP"),
        (hang_up, "the receiver broke off"),
    ],
)
async def test_answers_that_are_cut_off(exchange: Exchange, talk: Talk, words: str) -> None:
    assert await failure(exchange, talk) == words


async def test_an_answer_byte_by_byte_is_cut_off_in_time() -> None:
    hasty = Exchange(msgspec.structs.replace(PLAIN, callback_seconds=0.2))
    assert await failure(hasty, drip) == "the receiver did not answer in time"
    hasty.close()


async def test_some_interim_answers_and_headers_are_nothing_unusual(exchange: Exchange) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Busy\r\n" + b"X-More: y\r\n" * 50 + b"Retry-After: 7\r\n\r\n")
        await reader.read()

    async with talking(talk) as port:
        target = parse_target(f"http://127.0.0.1:{port}/")
        assert await exchange.post(target, {}, b"{}") == Response(503, "7")


async def test_a_receiver_that_answers_before_it_reads(exchange: Exchange) -> None:
    """It may close its side at once: what it said counts."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\n\r\n")
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with talking(refuse) as port:
        target = parse_target(f"http://127.0.0.1:{port}/")
        assert (await exchange.post(target, {}, b"x" * 4_000_000)).status == 413


class Authority:
    """A certificate authority that we trust, and receivers with certificates of all kinds."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ours, self.other = trustme.CA(), trustme.CA()
        self.ours.cert_pem.write_to_path(folder / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))

    def receiver(self, ca: trustme.CA, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        ca.issue_cert(name).configure_cert(context)
        return context


@pytest.mark.parametrize(
    ("trusted", "name", "words"),
    [
        (True, "localhost", None),
        (True, "other.example", "certificate is not valid: Hostname mismatch"),
        (False, "localhost", "certificate is not valid: unable to get local issuer certificate"),
    ],
)
async def test_a_bad_certificate_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool, name: str, words: str | None
) -> None:
    authority = Authority(tmp_path, monkeypatch)
    context = authority.receiver(authority.ours if trusted else authority.other, name)
    exchange = Exchange(PLAIN)

    async def thank(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()

    async with talking(thank, context) as port:
        target = parse_target(f"https://localhost:{port}/")
        if words is None:
            assert (await exchange.post(target, {}, b"{}")).status == 200
        else:
            with pytest.raises(ExchangeFailed, match=words):
                await exchange.post(target, {}, b"{}")
    exchange.close()


async def test_a_receiver_that_speaks_no_tls(exchange: Exchange) -> None:
    async with talking(nonsense) as port:
        with pytest.raises(ExchangeFailed, match="does not speak TLS"):
            await exchange.post(parse_target(f"https://127.0.0.1:{port}/"), {}, b"{}")


class Counting:
    """Answers every POST of a connection alike, and counts connections and POSTs."""

    def __init__(self, answer: bytes, *, most: int = 100) -> None:
        self.answer, self.most = answer, most
        self.connections = self.posts = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for _ in range(self.most):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            self.posts += 1
            writer.write(self.answer)
        await reader.readuntil(b"\r\n\r\n")  # and closes without a word


async def posted(exchange: Exchange, talk: Counting, services: Sequence[int] = (1, 1, 1)) -> None:
    async with talking(talk) as port:
        target = parse_target(f"http://127.0.0.1:{port}/")
        for service in services:
            assert (await exchange.post(target, {}, b"{}", service)).status == 200
            await asyncio.sleep(0.01)  # so that the rest of the answer is there


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99_999


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (OK, 1),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 3),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 3),
        (b"HTTP/1.1 200 OK\r\n\r\n", 3),  # whose body ends with the connection
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", 3),
        (OK + OK, 3),  # an answer to the next POST must not be there before it
        (BIG, 3),
    ],
)
async def test_a_connection_is_kept_if_the_answer_has_come_to_its_end(
    exchange: Exchange, answer: bytes, connections: int
) -> None:
    receiver = Counting(answer)
    await posted(exchange, receiver)
    assert (receiver.connections, receiver.posts) == (connections, 3)


async def test_an_answer_that_nobody_asked_for_ends_a_connection(exchange: Exchange) -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await asyncio.sleep(0.01)
        writer.write(OK.replace(b"200", b"500"))
        await reader.read()

    async with talking(talk) as port:
        target = parse_target(f"http://127.0.0.1:{port}/")
        for _ in range(2):
            assert (await exchange.post(target, {}, b"{}")).status == 200
            await asyncio.sleep(0.05)
    assert connections == 2


@pytest.mark.parametrize(
    ("changed", "services", "connections"),
    [
        ({}, (1, 1, 2, 1, 2), 2),  # a connection serves one service alone
        ({"callback_idle_connections": 0}, (1, 1, 1), 3),
        ({"callback_idle_connections": 1}, (1, 2, 1), 3),
        ({"callback_idle_seconds": 0.001}, (1, 1, 1), 3),
        ({"callback_connection_seconds": 1e-9}, (1, 1, 1), 3),
    ],
)
async def test_how_long_connections_are_kept_and_how_many(
    changed: dict[str, float], services: Sequence[int], connections: int
) -> None:
    exchange, receiver = Exchange(msgspec.structs.replace(PLAIN, **changed)), Counting(OK)
    await posted(exchange, receiver, services)
    assert (receiver.connections, receiver.posts) == (connections, len(services))
    exchange.close()


async def test_a_kept_connection_that_the_receiver_closes_loses_nothing(exchange: Exchange) -> None:
    receiver = Counting(OK, most=1)
    await posted(exchange, receiver)
    assert receiver.posts == 3
