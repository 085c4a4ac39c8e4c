"""Sources on the web: https URLs of hosts that a service allows.

Each is one GET over one connection, under the guard of everything that goes to servers that clients
name: no private address, no redirect, a limit on time and size. h11 speaks HTTP.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import BinaryIO

import h11
from msgspec import Struct

from service.errors import SourceDenied, SourceNotFound, SourceUnavailable
from service.http import Source
from service.outbound.address_guard import AddressGuard
from service.outbound.connector import Connector, ExchangeFailed, ExchangeForbidden
from service.outbound.target import Target, parse_target
from service.settings import Settings
from service.storage import OnRequest, Part, Reader, check_size, observed, receive, shown

PEER = "the image server"
HEADER_BYTES = 16 * 1024
READ_BYTES = 64 * 1024
MAX_INTERIM = 8
RESOLVERS = 8
HEADERS = {"User-Agent": "Darkroom", "Accept-Encoding": "identity", "Connection": "close"}
GONE, TRANSIENT = {404, 410}, {408, 425, 429}
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")

FindHosts = Callable[[int], Awaitable[Iterable[str]]]


def source_guard(settings: Settings) -> AddressGuard:
    """Make the guard of sources."""
    return AddressGuard(
        settings.source_ports,
        private_networks=settings.source_private_networks,
        subject="sources",
    )


def read_host(text: str) -> str:
    """Read a host that a service allows, as it is recorded; ``*.`` before it means all below it.

    Raises ValueError for what is no host.
    """
    below = text.startswith("*.")
    name = text.removeprefix("*.")
    try:
        target = parse_target(f"https://{name}/")
    except ValueError:
        target = None
    if target is None or target.authority.endswith(f":{target.port}") or target.path != "/":
        raise ValueError(f"expected a host such as img.example.com or *.example.com, got {text!r}")
    return ("*." if below else "") + target.host.rstrip(".")


def host_allowed(url: str, hosts: Iterable[str]) -> bool:
    """Whether a URL's host is among those that a service allows."""
    host = parse_target(url).host.rstrip(".")
    return any(
        host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed
        for allowed in hosts
    )


class _Answer(Struct, frozen=True):
    """The head of an answer, and its body as it comes."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]

    @property
    def length(self) -> int | None:
        """The length of the body, if it is told."""
        told = self.headers.get("content-length", "")
        return int(told) if told.isdecimal() and len(told) < 19 else None

    @property
    def version(self) -> str:
        """What changes when the file does; "" if nothing is told."""
        return self.headers.get("etag") or self.headers.get("last-modified", "")


class WebSources:
    """Fetches sources; `find_hosts` gives the hosts that a service allows now."""

    def __init__(self, find_hosts: FindHosts, settings: Settings, on_request: OnRequest) -> None:
        self._find_hosts = find_hosts
        self._settings = settings
        self._on_request = on_request

    def beside(self, storage: Reader, service_id: int) -> Reader:
        """Return what a service's sources are read from: its storage, or the web for URLs."""
        return _Beside(storage, self, service_id)

    def close(self) -> None:
        """Close what is open."""
        if "_connector" in vars(self):
            self._connector.close()

    async def fetch(self, service_id: int, url: str, *, limit: int) -> BinaryIO:
        """Fetch a whole file of at most `limit` bytes."""
        with observed("fetch", self._on_request):
            async with self._get(service_id, url) as answer:
                check_size(url, answer.length or 0, limit)
                return await receive(answer.body, url, limit)

    async def read(self, service_id: int, url: str, *, start: int, count: int, limit: int) -> Part:
        """Read a range of a file; of a server that gives no ranges, so much of the whole."""
        end = start + count
        with observed("read", self._on_request):
            wanted = {"Range": f"bytes={start}-{end - 1}"}
            async with self._get(service_id, url, wanted) as answer:
                if answer.status == 416:
                    return Part(b"", 0, "")  # the file is empty
                size = answer.length
                if answer.status == 206:
                    size, start, end = _range(answer, start), 0, count
                check_size(url, size or 0, limit)
                data = bytearray()
                async for chunk in answer.body:
                    data += chunk
                    check_size(url, len(data), limit)
                    if size is not None and len(data) >= end:
                        break
                whole = len(data) if size is None else size
                return Part(bytes(data[start:end]), whole, answer.version)

    @cached_property
    def _connector(self) -> Connector:
        return Connector(source_guard(self._settings), PEER, RESOLVERS)

    @asynccontextmanager
    async def _get(
        self, service_id: int, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[_Answer]:
        """Send a GET, and give an answer that has a file; raises the error of any other."""
        if not host_allowed(url, await self._find_hosts(service_id)):
            raise SourceDenied(f"the host of {shown(url)} is not among those that are allowed")
        target = parse_target(url)
        with _source_errors(shown(url)):
            async with (
                asyncio.timeout(self._settings.source_seconds),
                self._connector.connected(target, READ_BYTES) as (reader, writer),
            ):
                answer = await _ask(target, headers or {}, reader, writer)
                _check(answer, shown(url), ranged=bool(headers))
                yield answer


class _Beside:
    """Reads keys from a storage and URLs from the web."""

    def __init__(self, storage: Reader, web: WebSources, service_id: int) -> None:
        self._storage = storage
        self._web = web
        self._service_id = service_id

    async def fetch(self, key: str, *, limit: int) -> BinaryIO:
        if isinstance(key, Source) and key.is_url:
            return await self._web.fetch(self._service_id, key, limit=limit)
        return await self._storage.fetch(key, limit=limit)

    async def read(self, key: str, *, start: int, count: int, limit: int) -> Part:
        if isinstance(key, Source) and key.is_url:
            return await self._web.read(
                self._service_id, key, start=start, count=count, limit=limit
            )
        return await self._storage.read(key, start=start, count=count, limit=limit)


async def _ask(
    target: Target,
    headers: Mapping[str, str],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> _Answer:
    """Send a GET and read up to the end of the answer's headers."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_BYTES)
    fields = [("Host", target.authority), *HEADERS.items(), *headers.items()]
    for event in (
        h11.Request(method="GET", target=target.path, headers=fields),
        h11.EndOfMessage(),
    ):
        writer.write(http.send(event) or b"")
    interim = 0
    while True:
        match await _next_event(http, reader):
            case h11.Response() as response:
                told = {
                    name.decode("latin-1"): value.decode("latin-1")
                    for name, value in response.headers
                }
                return _Answer(response.status_code, told, _body(http, reader))
            case h11.InformationalResponse() if interim < MAX_INTERIM:
                interim += 1
            case _:
                raise ConnectionResetError


async def _body(http: h11.Connection, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        match await _next_event(http, reader):
            case h11.Data(data=data):
                yield bytes(data)
            case h11.EndOfMessage():
                return
            case _:
                raise ConnectionResetError


async def _next_event(http: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(READ_BYTES))
    return event


def _check(answer: _Answer, what: str, *, ranged: bool) -> None:
    """Raise the error of an answer that has no file."""
    status = answer.status
    said = f"{PEER} answered {status} for {what}"
    if status in GONE:
        raise SourceNotFound(said)
    if status in TRANSIENT or status >= 500:
        raise SourceUnavailable(said)
    if 300 <= status < 400:
        raise SourceDenied(f"{said}; redirects are not followed")
    if status not in ({200, 206, 416} if ranged else {200}):
        raise SourceDenied(said)
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise SourceDenied(f"{PEER} compressed {what}, which was not asked for")


def _range(answer: _Answer, start: int) -> int:
    """Return the size of the whole file, of which the answer has a range."""
    found = CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if not found or int(found[1]) != start:
        raise SourceDenied(f"{PEER} gave another range than it was asked for")
    return int(found[3])


@contextmanager
def _source_errors(what: str) -> Iterator[None]:
    """Turn errors of the connection into those of a source."""
    try:
        yield
    except ExchangeForbidden as error:
        raise SourceDenied(f"{error} ({what})") from None
    except ExchangeFailed as error:
        raise SourceUnavailable(f"{error} ({what})") from None
    except TimeoutError:
        raise SourceUnavailable(f"{PEER} did not send {what} in time") from None
    except h11.RemoteProtocolError:
        raise SourceUnavailable(f"what {PEER} sent for {what} is not HTTP, or ends early") from None
    except OSError:
        raise SourceUnavailable(f"{PEER} broke off while it sent {what}") from None
