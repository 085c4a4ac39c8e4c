"""One POST over one connection, bounded in time and size whatever the receiver does.

The answer is read up to the end of its headers, so far as it keeps to its limits; its body is
nobody's business. h11 speaks HTTP; it sends what it is given unchanged.
"""

import asyncio
from collections.abc import Mapping

import h11
from msgspec import Struct

from service.outbound import AddressGuard, Connector, ExchangeFailed, Target
from service.settings import Settings

READ_BYTES = 4096


def callback_guard(settings: Settings) -> AddressGuard:
    """Make the guard of callbacks."""
    return AddressGuard(
        settings.callback_ports,
        private_networks=settings.callback_private_networks,
        subject="callbacks",
    )


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
        self._connector = Connector(
            callback_guard(settings), "the receiver", settings.callback_concurrency, READ_BYTES
        )

    def close(self) -> None:
        """Close what is open."""
        self._connector.close()

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Response:
        """Send one request and give the answer; ExchangeFailed says why there is none."""
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._connector.connected(target) as (reader, writer),
            ):
                return await self._talk(target, headers, body, reader, writer)
        except TimeoutError:
            raise ExchangeFailed("the receiver did not answer in time") from None
        except h11.RemoteProtocolError:
            raise ExchangeFailed("the receiver's answer is not HTTP") from None
        except OSError:
            raise ExchangeFailed("the receiver broke off") from None

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


def _header(response: h11.Response, name: bytes) -> str:
    return next((value for key, value in response.headers if key == name), b"").decode("latin-1")
