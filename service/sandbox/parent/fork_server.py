"""The fork server as the worker sees it: started on demand, asked for children."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Mapping, Sequence

from service.sandbox.parent.child_process import ChildProcess, new_stderr
from service.sandbox.parent.exits import StartFailed, cause_of_exit, start_failed
from service.sandbox.parent.server_process import ServerProcess
from service.sandbox.protocol import ProtocolError, wire


class ForkServer:
    """A process that forks children; when it has ended, the next child begins with a new one.

    Children end with it.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._command = command
        self._environ = environ
        self._process: ServerProcess | None = None
        self._socket: socket.socket | None = None
        self._asked: deque[tuple[asyncio.Future[ChildProcess], int]] = deque()
        self._children: dict[int, ChildProcess] = {}
        self._ending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process else None

    async def fork(self, channel: int, seconds: float) -> ChildProcess:
        """Have a child forked that speaks over this socket; StartFailed says why it is not."""
        if self._ending is not None:
            await asyncio.wait([self._ending])
        try:
            self._start()
            forked = self._ask(channel)
        except OSError as error:
            message = f"could not be run ({self._command[0]}: {error.strerror})"
            raise start_failed(message) from error
        try:
            await asyncio.wait([forked], timeout=seconds)
        finally:
            if not forked.done():
                forked.add_done_callback(_close_unwanted)
        if not forked.done():
            self._fail(start_failed(f"was not ready after {seconds:g} s"))
            self.close()
        return forked.result()

    def close(self) -> None:
        """Kill it, and with it its children."""
        self._fail(start_failed("was stopped with its worker"))
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        if self._process is not None:
            self._process.close()
        self._socket = self._process = None
        self._orphan()

    def _start(self) -> None:
        if self._process is not None:
            return
        ours, theirs = wire.channel()
        with theirs:
            try:
                self._process = ServerProcess(self._command, self._environ, theirs.fileno())
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours, self._receive)

    def _ask(self, channel: int) -> "asyncio.Future[ChildProcess]":
        assert self._socket is not None  # noqa: S101 - it was started
        stderr = new_stderr()
        try:
            wire.send(self._socket, wire.Fork(), (channel, stderr))
        except BaseException:
            os.close(stderr)
            raise
        forked: asyncio.Future[ChildProcess] = asyncio.get_running_loop().create_future()
        self._asked.append((forked, stderr))
        return forked

    def _receive(self) -> None:
        assert self._socket is not None  # noqa: S101 - it is read from
        try:
            message, descriptors = wire.receive(self._socket, wire.FROM_SERVER, 1)
        except BlockingIOError:
            return
        except (EOFError, OSError, ProtocolError):
            asyncio.get_running_loop().remove_reader(self._socket)
            self._ending = asyncio.create_task(self._reap())
            return
        match message:
            case wire.Forked(pid):
                forked, stderr = self._asked.popleft()
                child = self._children[pid] = ChildProcess(pid, descriptors.pop(), stderr)
                if not forked.done():
                    forked.set_result(child)
            case wire.NotForked(failure):
                forked, stderr = self._asked.popleft()
                os.close(stderr)
                if not forked.done():
                    forked.set_exception(start_failed(failure))
            case wire.Exited(pid, status):
                self._children.pop(pid).note_end(status)

    async def _reap(self) -> None:
        """Report why it has ended to whoever waits for a child, and forget it."""
        process = self._process
        assert process is not None  # noqa: S101 - it has ended
        process.kill()
        status = await process.exited()
        stderr = process.last_words()
        _, message = cause_of_exit(status, stderr, oom_killed=False)
        self._ending = None
        if process is self._process:
            self._fail(start_failed(message, stderr))
            self.close()

    def _fail(self, error: StartFailed) -> None:
        while self._asked:
            forked, stderr = self._asked.popleft()
            os.close(stderr)
            if not forked.done():
                forked.set_exception(error)

    def _orphan(self) -> None:
        while self._children:
            _, child = self._children.popitem()
            child.note_end(-9, orphaned=True)


def _close_unwanted(forked: "asyncio.Future[ChildProcess]") -> None:
    if not forked.cancelled() and forked.exception() is None:
        forked.result().close()
