"""A TCP proxy in front of a server, which can be told to fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HOST = "127.0.0.1"


class Proxy:
    """Passes bytes both ways, until it is `dark` or `frozen`."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._behind = port
        self._open: set[asyncio.StreamWriter] = set()
        self._dark = False
        self._flowing = asyncio.Event()
        self._flowing.set()

    @asynccontextmanager
    async def dark(self) -> AsyncIterator[None]:
        """Break every connection, and each that is attempted."""
        self._dark = True
        for writer in list(self._open):
            writer.transport.abort()
        try:
            yield
        finally:
            self._dark = False

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Keep connections, and pass nothing on."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._dark:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(HOST, self._behind)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        try:
            await asyncio.gather(
                pass_on(reader, back, self._flowing), pass_on(there, writer, self._flowing)
            )
        finally:
            self._open -= {writer, back}
            for each in (writer, back):
                each.transport.abort()


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event
) -> None:
    """Pass bytes one way until their end, while they may flow."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            await flowing.wait()
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a port of this machine."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy._serve, HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for writer in list(proxy._open):
            writer.transport.abort()
