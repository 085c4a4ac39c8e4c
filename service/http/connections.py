"""Connections of the API and of a worker's probes: malformed HTTP, and clients that read slowly.

aiohttp answers malformed requests itself, in plain text and with a traceback in the log, and waits
forever for a client to read its answer. Here the first are errors of the API, and the second
are disconnected.
"""

import asyncio
import socket
import struct
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from service.errors import MalformedRequest
from service.http.middleware import answer_outside
from service.settings import Settings

NO_LINGERING = struct.pack("ii", 1, 0)

log = structlog.get_logger(__name__)


class Connection(RequestHandler):
    """The connection of a client; it is reset if an answer is not read in time."""

    __slots__ = (
        "_abort_timer", "_ending", "_owner", "_response_seconds", "_send_until", "_wire",
    )  # fmt: skip

    def __init__(self, manager: "_Server", *, response_seconds: float, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._owner = manager
        self._response_seconds = response_seconds
        self._ending = False
        self._wire: asyncio.Transport | None = None
        self._abort_timer: asyncio.TimerHandle | None = None
        self._send_until: float | None = None  # by the loop's clock; None: nothing is being sent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, since aiohttp drops it before it is flushed."""
        super().connection_made(transport)
        self._wire = self.transport

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release the transport."""
        self._stop_send_timer()
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        self._wire = None
        super().connection_lost(exc)

    async def start(self) -> None:
        """Handle requests until the connection is closed, by either side."""
        try:
            await super().start()
        finally:
            self._ending = True
            self._start_send_timer()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that never reached a handler, and close the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        if exc is None or isinstance(exc, HttpProcessingError):
            too_long = isinstance(exc, LineTooLong)
            message = "A line of the request is too long" if too_long else "This is not HTTP"
            # the message of aiohttp quotes the client's bytes, which may contain a token
            log.debug("malformed_request", remote=request.remote, kind=type(exc).__name__)
            exc = MalformedRequest(message)
        response = answer_outside(exc)
        response.force_close()
        return response

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; one that aiohttp made without a handler gets the headers of the API."""
        if isinstance(resp, web.HTTPException):
            resp = answer_outside(resp)
        if self._owner.leaving:
            resp.force_close()
        self._start_send_timer()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            if not self._ending:
                self._stop_send_timer()

    def _start_send_timer(self) -> None:
        """Give what is sent its time; the timer goes on over many answers, for it costs more."""
        if self._send_until is None and self._wire is not None:
            self._send_until = self._loop.time() + self._response_seconds
            if self._abort_timer is None:
                self._abort_timer = self._loop.call_at(self._send_until, self._check_send_timer)

    def _check_send_timer(self) -> None:
        self._abort_timer = None
        if self._send_until is None or self._wire is None:
            return
        if self._loop.time() >= self._send_until:
            _reset(self._wire)
        else:
            self._abort_timer = self._loop.call_at(self._send_until, self._check_send_timer)

    def _stop_send_timer(self) -> None:
        self._send_until = None


def _reset(wire: asyncio.Transport) -> None:
    """Reset a connection, so that the kernel drops what was not read."""
    wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
    wire.abort()


class _Server(web.Server):
    """Creates a Connection for each client."""

    def __init__(self, made: web.Server, response_seconds: float, **kwargs: Any) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory, **kwargs)
        self._response_seconds = response_seconds
        self.leaving = False

    def __call__(self) -> RequestHandler:
        return Connection(
            self, loop=self._loop, response_seconds=self._response_seconds, **self._kwargs
        )


class Runner(web.AppRunner):
    """Runs an application over such connections; one without a request is closed."""

    def __init__(self, app: web.Application, settings: Settings) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            shutdown_timeout=settings.drain_seconds,
            keepalive_timeout=settings.idle_seconds,
            lingering_time=5,
        )
        self._response_seconds = settings.response_seconds

    def leave(self) -> None:
        """Close each connection with its next answer, and say so in it; new ones are answered."""
        if isinstance(self.server, _Server):
            self.server.leaving = True

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made, self._response_seconds, **self._kwargs)
