"""One POST over one connection, which the receiver can make neither long nor large.

The answer is read up to the end of its headers, so far as it keeps to its limits; its body is
nobody's business. h11 speaks HTTP; it sends what it is given unchanged.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import aiohappyeyeballs
import h11
from msgspec import Struct

from service.callbacks.address_guard import AddressGuard, AddressRefused
from service.callbacks.target import Target
from service.settings import Settings

READ_BYTES = 4096
NEXT_ADDRESS_SECONDS = 0.25  # before another address of the receiver is tried beside the first


class ExchangeFailed(Exception):
    """No answer came; the message is for the client and tells nothing of our network."""


class Response(Struct, frozen=True):
    """What a receiver answered."""

    status: int
    retry_after: str


class Exchange:
    """Sends POST requests, each over a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.callback_seconds
        self._max_bytes = settings.callback_response_bytes
        self._max_interim = settings.callback_interim_responses
        self._guard = AddressGuard(settings)
        self._tls = ssl.create_default_context()
        # a name server that is silent must hold up no other part of the process
        self._resolvers = ThreadPoolExecutor(settings.callback_concurrency, "callback-resolver")

    def close(self) -> None:
        """Close what is open."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Response:
        """Send one request and give the answer; ExchangeFailed says why there is none."""
        try:
            async with asyncio.timeout(self._seconds), self._connected(target) as (reader, writer):
                return await self._talk(target, headers, body, reader, writer)
        except TimeoutError:
            raise ExchangeFailed("the receiver did not answer in time") from None
        except h11.RemoteProtocolError:
            raise ExchangeFailed("the receiver's answer is not HTTP") from None
        except OSError:
            raise ExchangeFailed("the receiver broke off") from None

    @asynccontextmanager
    async def _connected(
        self, target: Target
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await self._connect(target)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()  # a polite end would wait for the receiver

    async def _connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        addresses = await self._addresses(target)
        try:
            connection = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1
            )
        except OSError:
            raise ExchangeFailed("no connection to the receiver") from None
        try:
            return await asyncio.open_connection(
                sock=connection,
                limit=READ_BYTES,
                ssl=self._tls if target.secure else None,
                server_hostname=target.host.rstrip(".") if target.secure else None,
            )
        except ssl.SSLCertVerificationError as error:
            message = f"the receiver's certificate is not valid: {error.verify_message}"
            raise ExchangeFailed(message) from None
        except ssl.SSLError:
            raise ExchangeFailed("the receiver does not speak TLS as we do") from None

    async def _addresses(self, target: Target) -> Sequence[aiohappyeyeballs.AddrInfoType]:
        """Resolve the host, once: these very addresses are connected to, if all are allowed."""
        loop = asyncio.get_running_loop()
        try:
            self._guard.check_port(target.port)
            found = await loop.run_in_executor(self._resolvers, _resolve, target.host, target.port)
            for *_, place in found:
                self._guard.check_address(str(place[0]))
        except AddressRefused as error:
            raise ExchangeFailed(str(error)) from None
        except (socket.gaierror, UnicodeError):
            raise ExchangeFailed("the receiver's name does not resolve") from None
        return found

    async def _talk(
        self,
        target: Target,
        headers: Mapping[str, str],
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> Response:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=self._max_bytes)
        own = {"Host": target.authority, "Content-Length": str(len(body)), "Connection": "close"}
        fields = [*own.items(), *headers.items()]
        request = h11.Request(method="POST", target=target.path, headers=fields)
        for event in (request, h11.Data(body), h11.EndOfMessage()):
            writer.write(http.send(event) or b"")  # it is read while it is sent: it may be early
        received = interim = 0
        while True:
            match http.next_event():
                case h11.Response() as response:
                    return Response(response.status_code, _header(response, b"retry-after"))
                case h11.InformationalResponse():
                    interim += 1
                    if interim > self._max_interim:
                        raise ExchangeFailed("the receiver sends interim answers without end")
                case h11.NEED_DATA:
                    data = await reader.read(READ_BYTES)
                    if not data:
                        raise ConnectionResetError
                    received += len(data)
                    if received > self._max_bytes:
                        raise ExchangeFailed("the headers of the receiver's answer are too long")
                    http.receive_data(data)
                case _:
                    raise ConnectionResetError


def _resolve(host: str, port: int) -> Sequence[aiohappyeyeballs.AddrInfoType]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


def _header(response: h11.Response, name: bytes) -> str:
    return next((value for key, value in response.headers if key == name), b"").decode("latin-1")
