"""Fork servers of sandboxes, forked from a process that has loaded the engine.

One that starts afresh spends a third of a second on its imports. Everything after them is the
same; the tests of the sandbox itself, and of `darkroom worker`, start them afresh.
"""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from service.sandbox.parent import commands

LOADER = str(Path(__file__).with_name("server_loader.py"))


class Forked:
    """A fork server, as far as `subprocess.Popen` is needed of it."""

    def __init__(self, control: socket.socket, command: Sequence[str], given: list[int]) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._status: int | None = None
        with theirs:
            words = "\0".join(command).encode()
            socket.send_fds(control, [words], [theirs.fileno(), *given])
        self.pid = int(self._link.recv(100))

    def poll(self) -> int | None:
        if self._status is None:
            with suppress(BlockingIOError):
                self._receive(socket.MSG_DONTWAIT)
        return self._status

    def wait(self) -> int:
        if self._status is None:
            self._receive(0)
        assert self._status is not None
        return self._status

    def _receive(self, flags: int) -> None:
        self._status = int(self._link.recv(100, flags))
        self._link.close()


class ServerLoader:
    """The process that has loaded the engine; started when it is first needed."""

    def __init__(self, control: socket.socket | None = None) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control = control

    @property
    def control(self) -> socket.socket:
        """What it is asked over, which other processes may do, too."""
        if self._control is None:
            self._control = self._load()
        return self._control

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Have fork servers forked, rather than run, in this context."""
        there = SimpleNamespace(Popen=self._start, DEVNULL=subprocess.DEVNULL)
        with patch("service.sandbox.parent.server_process.subprocess", there):
            yield

    def close(self) -> None:
        """End it, and whatever was forked from it."""
        if self._control and self._process:
            self._control.close()
            self._process.wait()

    def _start(
        self, command: Sequence[str], *, env: Mapping[str, str], **options: Any
    ) -> "Forked | subprocess.Popen[bytes]":
        ours = tuple(command[:2]) == commands.RENDER[:2]
        if not ours or env != commands.environment(os.environ):
            return subprocess.Popen(command, env=env, **options)
        given = [options["stdout"], *options["pass_fds"]]
        return Forked(self.control, command[2:-2], given)

    def _load(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*commands.RENDER[:2], LOADER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd="/",
                env=commands.environment(os.environ),
                umask=0o077,
            )
        return ours


SERVER_LOADER = ServerLoader()
