"""A connection to a receiver: one POST after the other, each answered before the next is sent.

An answer is read up to the end of its headers, so far as it keeps to its limits. Its body is
nobody's business; only where it has come to its end within the same limits can another POST
follow. h11 speaks HTTP; it sends what it is given unchanged.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

import h11
from msgspec import Struct

from service.outbound import ExchangeFailed, Target
from service.settings import Settings

TOO_LONG = "the headers of the receiver's answer are too long"
NOT_HTTP = "the receiver's answer is not HTTP"


class Response(Struct, frozen=True):
    """What a receiver answered."""

    status: int
    retry_after: str


class BrokenOff(ExchangeFailed):
    """The receiver closed the connection; `unheard` tells that it had said nothing to this POST."""

    def __init__(self, *, unheard: bool) -> None:
        super().__init__("the receiver broke off")
        self.unheard = unheard


class Connection(asyncio.Protocol):
    """The client's side of HTTP/1.1, for one request at a time."""

    def __init__(self, settings: Settings) -> None:
        self._max_bytes = settings.callback_response_bytes
        self._max_interim = settings.callback_interim_responses
        self._keep = settings.callback_idle_connections > 0
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=self._max_bytes)
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Response] | None = None
        self._received = self._interim = 0  # since the last answer's end
        self.began = asyncio.get_running_loop().time()

    @property
    def free(self) -> bool:
        """Whether another POST may be sent: everything before is sent, and answered to the end."""
        answered = self._http.our_state is h11.IDLE
        return answered and not self.closing and not self._transport.get_write_buffer_size()

    @property
    def closing(self) -> bool:
        """Whether it is closed, or will be."""
        return self._transport.is_closing()

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Response:
        """Send one request and give the answer; ExchangeFailed says why there is none."""
        self._answer = asyncio.get_running_loop().create_future()
        own = {"Host": target.authority, "Content-Length": str(len(body))}
        own |= {} if self._keep else {"Connection": "close"}
        fields = [*own.items(), *headers.items()]
        request = h11.Request(method="POST", target=target.path, headers=fields)
        parts = [self._http.send(each) for each in (request, h11.Data(body), h11.EndOfMessage())]
        if not self.closing:
            self._transport.write(b"".join(part for part in parts if part))
        self._read(b"")  # it may have spoken before it was asked
        if self.closing:
            self._break_off()
        return await self._answer

    def close(self) -> None:
        """Close it at once: a polite end would wait for the receiver."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note what is written to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._http.our_state is h11.IDLE and self._answer is not None:
            self.close()  # to what was it an answer?
        else:
            self._read(data)

    def eof_received(self) -> None:
        """Give up what is not answered; the connection is closed."""
        self._break_off()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what is not answered."""
        self._break_off()

    def _read(self, data: bytes) -> None:
        """Take in what came, as far as it answers what was asked."""
        self._received += len(data)
        try:
            if data:
                self._http.receive_data(data)
            while self._http.our_state is not h11.IDLE and self._take(self._http.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            too_long = error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._fail(ExchangeFailed(TOO_LONG if too_long else NOT_HTTP))
        except ExchangeFailed as error:
            self._fail(error)
        if self._received > self._max_bytes:
            self._fail(ExchangeFailed(TOO_LONG))

    def _take(self, event: object) -> bool:
        """Take in a part of an answer; tells whether there may be more of it."""
        match event:
            case h11.Response() as response:
                answer = Response(response.status_code, _header(response, b"retry-after"))
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(answer)
            case h11.InformationalResponse():
                self._interim += 1
                if self._interim > self._max_interim:
                    raise ExchangeFailed("the receiver sends interim answers without end")
            case h11.EndOfMessage():
                self._end()
                return False
            case h11.Data():
                pass
            case _:
                return False
        return True

    def _end(self) -> None:
        """Be ready for another request, unless something forbids it."""
        done = {self._http.our_state, self._http.their_state} == {h11.DONE}
        if done and not self._http.trailing_data[0] and self._received <= self._max_bytes:
            self._received = self._interim = 0
            self._http.start_next_cycle()
        else:
            self.close()

    def _break_off(self) -> None:
        self._fail(BrokenOff(unheard=not self._received))

    def _fail(self, error: ExchangeFailed) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()


def _header(response: h11.Response, name: bytes) -> str:
    return next((value for key, value in response.headers if key == name), b"").decode("latin-1")
