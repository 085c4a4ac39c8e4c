"""Fork servers of sandboxes in this process, forked from one that has loaded the engine.

One that starts afresh spends a third of a second on its imports. Everything after them is the
same; the tests of the sandbox itself, and workers in processes of their own, start them afresh.
"""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

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

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Have fork servers forked, rather than run, in this context."""
        with pytest.MonkeyPatch.context() as patch:
            there = SimpleNamespace(Popen=self._start, DEVNULL=subprocess.DEVNULL)
            patch.setattr("service.sandbox.parent.server_process.subprocess", there)
            yield

    def close(self) -> None:
        """End it, and whatever was forked from it."""
        if self._control and self._process:
            self._control.close()
            self._process.wait()

    def _start(
        self, command: Sequence[str], *, env: Mapping[str, str], **options: Any
    ) -> "Forked | subprocess.Popen[bytes]":
        usual = commands.environment(os.environ)
        if tuple(command[:2]) != commands.RENDER[:2] or env != usual:
            return subprocess.Popen(command, env=env, **options)
        if self._control is None:
            self._control = self._load(usual)
        given = [options["stdout"], *options["pass_fds"]]
        return Forked(self._control, command[2:-2], given)

    def _load(self, environ: Mapping[str, str]) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*commands.RENDER[:2], LOADER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd="/",
                env=environ,
                umask=0o077,
            )
        return ours


SERVER_LOADER = ServerLoader()
