"""POSTs to receivers, each bounded in time, over connections that are kept for a while.

A connection is used for one service and one receiver alone. It is closed when it has been idle for
some seconds, and when it is old, so that a name which leads elsewhere is followed.
"""

import asyncio
from collections.abc import Mapping

from msgspec import Struct

from service.callbacks.connection import BrokenOff, Connection, Response
from service.outbound import AddressGuard, Connector, ExchangeFailed, Target
from service.settings import Settings


def callback_guard(settings: Settings) -> AddressGuard:
    """Make the guard of callbacks."""
    return AddressGuard(
        settings.callback_ports,
        private_networks=settings.callback_private_networks,
        subject="callbacks",
    )


class _Place(Struct, frozen=True):
    """Whom a connection may be used for."""

    service_id: int
    secure: bool
    host: str
    port: int


class _Idle(Struct):
    """A connection that waits for its next POST, until the timer closes it."""

    connection: Connection
    place: _Place
    timer: asyncio.TimerHandle


class Exchange:
    """Sends POST requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connector = Connector(
            callback_guard(settings), "the receiver", settings.callback_concurrency
        )
        self._idle: dict[Connection, _Idle] = {}  # that which has been idle for longest first

    def close(self) -> None:
        """Close what is open."""
        for connection in [*self._idle]:
            self._drop(connection)
        self._connector.close()

    async def post(
        self, target: Target, headers: Mapping[str, str], body: bytes, service_id: int = 0
    ) -> Response:
        """Send a service's request and give the answer; ExchangeFailed says why there is none."""
        place = _Place(service_id, target.secure, target.host, target.port)
        try:
            async with asyncio.timeout(self._settings.callback_seconds):
                if (kept := self._take(place)) is not None:
                    try:
                        return await self._talk(kept, place, target, headers, body)
                    except BrokenOff as error:  # it may have been closed before this was sent
                        if not error.unheard:
                            raise
                _, connection = await self._connector.connect(
                    target, lambda: Connection(self._settings)
                )
                return await self._talk(connection, place, target, headers, body)
        except TimeoutError:
            raise ExchangeFailed("the receiver did not answer in time") from None
        except OSError:
            raise ExchangeFailed("the receiver broke off") from None

    async def _talk(
        self,
        connection: Connection,
        place: _Place,
        target: Target,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Response:
        try:
            response = await connection.post(target, headers, body)
        except BaseException:
            connection.close()
            raise
        self._keep(connection, place)
        return response

    def _take(self, place: _Place) -> Connection | None:
        """Take a connection that may be used now, the one that was used last."""
        for idle in reversed(self._idle.values()):
            if idle.place == place and idle.connection.free:
                idle.timer.cancel()
                del self._idle[idle.connection]
                return idle.connection
        return None

    def _keep(self, connection: Connection, place: _Place) -> None:
        """Keep a connection for the next POST, or close it."""
        settings, loop = self._settings, asyncio.get_running_loop()
        old = loop.time() - connection.began >= settings.callback_connection_seconds
        if connection.closing or old or not settings.callback_idle_connections:
            connection.close()
            return
        if len(self._idle) >= settings.callback_idle_connections:
            self._drop(next(iter(self._idle)))
        timer = loop.call_later(settings.callback_idle_seconds, self._drop, connection)
        self._idle[connection] = _Idle(connection, place, timer)

    def _drop(self, connection: Connection) -> None:
        self._idle.pop(connection).timer.cancel()
        connection.close()
