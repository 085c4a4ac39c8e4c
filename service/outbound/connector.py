"""Connects to hosts that a guard allows, at exactly the addresses that were checked."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohappyeyeballs

from service.outbound.address_guard import AddressGuard, AddressRefused
from service.outbound.target import Target

Protocol = TypeVar("Protocol", bound=asyncio.BaseProtocol)

NEXT_ADDRESS_SECONDS = 0.25  # before another address of a host is tried beside the first


class ExchangeFailed(Exception):
    """No answer came; the message is for the client and tells nothing of our network."""


class ExchangeForbidden(ExchangeFailed):
    """Nor will one come, unless somebody changes something: an address, a certificate."""


class Connector:
    """Connects to hosts, called `peer` in messages; `threads` look up their names."""

    def __init__(self, guard: AddressGuard, peer: str, threads: int) -> None:
        self._guard = guard
        self._peer = peer
        self._tls = ssl.create_default_context()
        # a name server that is silent must hold up no other part of the process
        self._resolvers = ThreadPoolExecutor(threads, "resolver")

    def close(self) -> None:
        """Close what is open."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def connected(
        self, target: Target, read_bytes: int
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect while the body runs, reading ahead by `read_bytes`; raises as `connect`."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=read_bytes, loop=loop)
        made = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await self.connect(target, lambda: made)
        writer = asyncio.StreamWriter(transport, made, reader, loop)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()  # a polite end would wait for the peer

    async def connect(
        self, target: Target, make: Callable[[], Protocol]
    ) -> tuple[asyncio.Transport, Protocol]:
        """Connect a protocol that is made for it; ExchangeFailed says why that cannot be done."""
        addresses = await self._addresses(target)
        try:
            connection = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1
            )
        except OSError:
            raise ExchangeFailed(f"no connection to {self._peer}") from None
        try:
            return await asyncio.get_running_loop().create_connection(
                make,
                sock=connection,
                ssl=self._tls if target.secure else None,
                server_hostname=target.host.rstrip(".") if target.secure else None,
            )
        except ssl.SSLCertVerificationError as error:
            message = f"{self._peer}'s certificate is not valid: {error.verify_message}"
            raise ExchangeForbidden(message) from None
        except ssl.SSLError:
            raise ExchangeForbidden(f"{self._peer} does not speak TLS as we do") from None

    async def _addresses(self, target: Target) -> Sequence[aiohappyeyeballs.AddrInfoType]:
        """Resolve the host, once: these very addresses are connected to, if all are allowed."""
        loop = asyncio.get_running_loop()
        try:
            self._guard.check_port(target.port)
            found = await loop.run_in_executor(self._resolvers, _resolve, target.host, target.port)
            for *_, place in found:
                self._guard.check_address(str(place[0]))
        except AddressRefused as error:
            raise ExchangeForbidden(str(error)) from None
        except (socket.gaierror, UnicodeError):
            raise ExchangeFailed(f"{self._peer}'s name does not resolve") from None
        return found


def _resolve(host: str, port: int) -> Sequence[aiohappyeyeballs.AddrInfoType]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
