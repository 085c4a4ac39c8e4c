"""`darkroom worker` and `darkroom serve` in processes forked from one that has loaded them.

A process that starts afresh spends more than half a second on its imports. Everything after
them is the same; the tests of `darkroom dev` and of single commands start processes afresh.
"""

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from service.cli import main
from service.sandbox import linux
from tests.service.harness.forked_servers import SERVER_LOADER, ServerLoader
from tests.service.harness.server_loader import fork_on_request

LOADED = ("service.worker", "service.api.app", "service.commands.serve", "service.commands.worker")
REQUEST = 100_000  # bytes, of arguments and environment
SERVERS = 3  # descriptor over which fork servers are asked for
OPEN = 1024  # descriptors that it may have open


class Forked:
    """A running command, as far as `asyncio.subprocess.Process` is needed of it."""

    def __init__(self, pid: int, told: asyncio.StreamReader, link: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._told = told
        self._link = link

    async def wait(self) -> int:
        """Wait for its end; gives its exit status, or the negative of a signal."""
        if self.returncode is None:
            self.returncode = int(await self._told.readline())
            self._link.close()
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class Loader:
    """The process that has loaded the commands; started when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def start(
        self, *arguments: str, environ: Mapping[str, str], afresh: bool = False
    ) -> Forked:
        """Run a command in a process of its own, which writes to nowhere.

        Its fork servers are run `afresh`, or forked.
        """
        ours, theirs = socket.socketpair()
        request = json.dumps([arguments, {**environ}]).encode()
        assert len(request) < REQUEST
        with theirs:
            servers = [] if afresh else [SERVER_LOADER.control.fileno()]
            socket.send_fds(self._connected(), [request], [theirs.fileno(), *servers])
        told, link = await asyncio.open_connection(sock=ours)
        return Forked(int(await told.readline()), told, link)

    def _connected(self) -> socket.socket:
        if self._control is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", __name__, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    cwd=Path(__file__).parents[3],
                )
        return self._control

    def close(self) -> None:
        """End it, and whatever was forked from it."""
        if self._control and self._process:
            self._control.close()
            self._process.wait()


LOADER = Loader()


def _forking() -> AbstractContextManager[None]:
    return ServerLoader(socket.socket(fileno=SERVERS)).forking()


def _become(request: bytes, given: list[int], loader: int) -> NoReturn:
    """Run a command as its own process would."""
    link, *servers = given
    arguments, environ = json.loads(request)
    status: object = 1
    try:
        linux.die_with_parent(loader)
        os.write(link, b"%d\n" % os.getpid())
        for each in servers:
            os.dup2(each, SERVERS)
        os.closerange(SERVERS + len(servers), OPEN)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nowhere, standard)
        os.environ.clear()
        os.environ.update(environ)
        with _forking() if servers else nullcontext():
            main(arguments)
    except SystemExit as end:
        status = end.code
    finally:
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


if __name__ == "__main__":
    for name in LOADED:
        import_module(name)
    gc.freeze()
    fork_on_request(int(sys.argv[1]), REQUEST, _become)
