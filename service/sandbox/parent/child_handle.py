"""One rendering child as the worker sees it: started, given work, watched, replaced."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable

import msgspec

from engine.errors import DarkroomError
from service.errors import Preempted, RenderCrashed, RenderTimeout, RenderUnavailable
from service.sandbox.parent.admission import Share
from service.sandbox.parent.child_process import ChildProcess
from service.sandbox.parent.clock import Clock
from service.sandbox.parent.exits import StartFailed, cause_of_exit
from service.sandbox.parent.fork_server import ForkServer
from service.sandbox.parent.oom_kills import oom_kills
from service.sandbox.parent.output_files import OutputFiles
from service.sandbox.parent.packed_work import PackedWork
from service.sandbox.parent.rendering import Rendering
from service.sandbox.protocol import ChildExit, ProtocolError, Reason, SandboxLimits, wire

MOST_STARVED = 4  # times as long as it may last without being slow, if it gets no processor
SHORTEST_LOOK = 0.05  # seconds until another look at what a child got of the processor
KILLED_SECONDS = 2.0  # until a killed child's end is told, by a fork server that may be frozen
DYING_SECONDS = 0.5  # between the end of the connection and the end of an honest child


class Child:
    """A process and the connection to it.

    `on_idle` is called whenever a work is over and another can be given. `ended` is done
    as soon as the child is killed or known to be gone; whoever awaits that reaps it.
    """

    def __init__(
        self,
        process: ChildProcess,
        connection: socket.socket,
        limits: SandboxLimits,
        on_idle: Callable[["Child"], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.protections: tuple[str, ...] = ()
        self.works = 0
        self.owner: str | None = None
        """Whose works it does, from its first one on."""
        self.resident = 0
        """The bytes that it kept after its last work."""
        self._process = process
        self._socket = connection
        self._limits = limits
        self._on_idle = on_idle
        self._files = OutputFiles()
        self._rendering: Rendering | None = None
        self._share: Share | None = None
        self._slowed = False
        self._cpu_before = 0.0
        self._clock = Clock(self._overrun, self._lasts)
        self._verdict: tuple[Reason, str] | None = None
        self._oom_kills = oom_kills()
        connection.setblocking(False)
        loop.add_reader(connection, self._receive)

    @classmethod
    async def start(
        cls,
        server: ForkServer,
        limits: SandboxLimits,
        seconds: float,
        on_idle: Callable[["Child"], None],
    ) -> "Child":
        """Start a child and wait for so long until it is ready; StartFailed says why it is not."""
        ours, theirs = wire.channel()
        with theirs:
            try:
                process = await server.fork(theirs.fileno(), seconds)
            except BaseException:
                ours.close()
                raise
        child = cls(process, ours, limits, on_idle)
        try:
            await child._settle_in(seconds)
        except BaseException:
            child.close()
            raise
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def busy(self) -> bool:
        """Whether it has work."""
        return self._rendering is not None

    def begin(self, packed: PackedWork, share: Share) -> Rendering:
        """Give it work; ConnectionError if it is gone. `share` tells what it may take."""
        if self.ended.done():
            raise BrokenPipeError
        self._process.forget_stderr()
        self._oom_kills = oom_kills()
        ahead = self._limits.results_ahead
        rendering = Rendering(packed.wanted, ahead, self._files, self._taken)
        with self._files.create(self._files_missing(rendering)) as files:
            wire.send(self._socket, packed.task, (*packed.descriptors, *files))
        self.works += 1
        self.owner = packed.owner
        self._rendering = rendering
        self._share = share
        self._cpu_before = self._process.cpu_seconds
        self._clock.start(packed.task.deadline, packed.budget, share.free_seconds)
        self._leave_to_others()
        return self._rendering

    def kill(self, reason: Reason, message: str) -> None:
        """Kill it, unless it is on its way out already."""
        if not self.ended.done():
            self._stop_listening((reason, message))
            self._process.kill()

    async def reap(self) -> ChildExit:
        """Wait for its end, tell whoever waits for its results, and close everything."""
        try:
            status = await self._status()
            stderr = self._process.last_words()
        finally:
            self.close()
        reason, message = self._verdict or self._cause_of_death(status, stderr)
        if self._rendering is not None:
            self._rendering.fail(_public(reason, message, self.pid))
        return ChildExit(
            pid=self.pid, reason=reason, message=message, works=self.works, stderr=stderr
        )

    def _cause_of_death(self, status: int, stderr: str) -> tuple[Reason, str]:
        if self._process.orphaned:
            return Reason.ORPHANED, "was lost with its fork server"
        return cause_of_exit(status, stderr, oom_killed=oom_kills() > self._oom_kills)

    def close(self) -> None:
        """Kill it if it lives, wait for its end, and close everything."""
        self._stop_listening(None)
        self._socket.close()
        self._files.close()
        self._process.close()

    async def _settle_in(self, seconds: float) -> None:
        """Wait for its first words, for so long."""
        with contextlib.suppress(ConnectionError):  # its end is read from the socket
            wire.send(self._socket, wire.Setup(self._limits))
        await asyncio.wait(
            [self.ready, self.ended], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if not self.ready.done():
            self.kill(Reason.START_FAILED, f"was not ready after {seconds:g} s")
            end = await self.reap()
            raise StartFailed(msgspec.structs.replace(end, reason=Reason.START_FAILED))

    def _receive(self) -> bool:
        """Read one message and act on it; False when there was none."""
        try:
            message, _ = wire.receive(self._socket, wire.FROM_CHILD, 0)
        except BlockingIOError:
            return False
        except ConnectionResetError:  # told once, and what it had sent can still be read
            self._receive_all()
            return False
        except (EOFError, OSError):
            self._stop_listening(None)
            return False
        except ProtocolError as error:
            self.kill(Reason.PROTOCOL, f"broke the protocol: {error}")
            return False
        try:
            self._act_on(message)
        except (ProtocolError, OSError) as error:
            self.kill(Reason.PROTOCOL, f"broke the protocol: {error}")
        return not self.ended.done()

    def _receive_all(self) -> None:
        while self._receive():
            pass

    def _act_on(self, message: wire.FromChild) -> None:
        match message, self._rendering:
            case wire.Ready(protections), None if not self.ready.done():
                self.protections = protections
                self.ready.set_result(None)
            case wire.InternalError(failure, out_of_memory), _:
                self.kill(Reason.OUT_OF_MEMORY if out_of_memory else Reason.CRASHED, failure)
            case wire.JobDone() | wire.JobFailed(), Rendering() as rendering if (
                self._share is None or not self._share.waiting
            ):
                rendering.add(message)
                self._clock.next_job()
                if rendering.pauses:
                    self._clock.pause()
            case wire.AdmissionRequest(peak, seconds), Rendering() as rendering if (
                self._share is not None and not rendering.begun.done()
            ):
                granted = self._share.ask(peak, seconds)
                if not granted and self._share.settled:
                    raise ProtocolError("asked for more than it had waited for")
                rendering.declined = not granted
                with contextlib.suppress(ConnectionError):  # its end is read from the socket
                    wire.send(self._socket, wire.AdmissionReply(granted))
                if granted:
                    rendering.begin(begun=True)
                    self._leave_to_others()
            case wire.Postponed(resident), Rendering() as rendering if rendering.declined:
                rendering.postpone()
                self._rest(resident)
            case wire.Finished(summary, resident), Rendering() as rendering:
                rendering.finish(summary)
                if self._share is not None:
                    self._share.release()
                self._rest(resident)
            case _:
                raise ProtocolError(f"{type(message).__name__} out of turn")

    def _taken(self, rendering: Rendering) -> None:
        """Let a child that has more to do know that a result was taken; its time counts again."""
        if rendering is self._rendering and not self.ended.done():
            if rendering.unfinished:
                missing = self._files_missing(rendering)
                with (
                    contextlib.suppress(OSError),  # its end is read from the socket
                    self._files.create(missing) as files,
                ):
                    wire.send(self._socket, wire.Ack(), files)
            self._clock.resume()

    def _rest(self, resident_bytes: int) -> None:
        """Be free for other work, or be replaced when this was enough for one life."""
        self._clock.pause()
        self._note_seconds()
        self.resident = resident_bytes
        self._rendering = self._share = None
        if self._slowed:  # who has become less important does not become more so again
            self.kill(Reason.RECYCLED, "replaced after slow work")
        elif self.works >= self._limits.works_per_child:
            self.kill(Reason.RECYCLED, f"replaced after {self.works} works")
        elif resident_bytes > self._limits.resident_bytes:
            self.kill(Reason.RECYCLED, f"replaced when it kept {resident_bytes:,} bytes")
        else:
            self._on_idle(self)

    def _overrun(self) -> None:
        """Kill it, unless its answer lies in the socket already."""
        working = self._rendering
        self._receive_all()
        if working is None or working is not self._rendering or working.pauses:
            return
        if self._clock.expired:
            self.kill(Reason.TIMEOUT, self._clock.verdict)
        else:
            self._clock.resume()

    def _lasts(self) -> None:
        """Count its work as slow, or take it away where no more slow ones may be."""
        working = self._rendering
        self._receive_all()
        if working is None or working is not self._rendering or self._share is None:
            return
        if missing := self._starved(self._share.free_seconds):
            self._clock.expect(missing)
        elif self._share.overrun():
            self._leave_to_others()
        else:
            self.kill(Reason.PREEMPTED, "lasted, as all slots had slow work")

    def _starved(self, seconds: float) -> float:
        """Return what it lacks of so many seconds on the processor; 0 if it lasts all the same."""
        missing = seconds - (self._process.cpu_seconds - self._cpu_before)
        if missing <= 0 or self._clock.spent >= MOST_STARVED * seconds:
            return 0.0
        return max(missing, SHORTEST_LOOK)

    def _leave_to_others(self) -> None:
        """Leave the processor to others, if its work is slow."""
        if self._share is not None and self._share.slow and not self._slowed:
            self._slowed = True
            self._process.yield_to_others(self._limits.slower)

    def _note_seconds(self) -> None:
        if self._rendering is not None:
            self._rendering.seconds = self._clock.spent

    def _files_missing(self, rendering: Rendering) -> int:
        """Give how many files the child needs until it pauses; no more than that many exist."""
        ahead = self._limits.results_ahead - rendering.untaken
        return max(0, min(ahead, len(rendering.unfinished)) - len(self._files))

    def _stop_listening(self, verdict: tuple[Reason, str] | None) -> None:
        if not self.ended.done():
            asyncio.get_running_loop().remove_reader(self._socket)
            self._clock.pause()
            self._note_seconds()
            self._verdict = verdict
            self.ended.set_result(None)

    async def _status(self) -> int:
        """Wait for its end; one that closed its connection and lives on is killed."""
        try:
            async with asyncio.timeout(DYING_SECONDS):
                return await self._process.exited()
        except TimeoutError:
            self._verdict = self._verdict or (Reason.PROTOCOL, "closed its connection")
            self._process.kill()
        try:
            async with asyncio.timeout(KILLED_SECONDS):
                return await self._process.exited()
        except TimeoutError:
            return -signal.SIGKILL


def _public(reason: Reason, message: str, pid: int) -> DarkroomError:
    """Give the error that the caller sees."""
    if reason is Reason.TIMEOUT:
        return RenderTimeout(f"the rendering process {message}")
    if reason is Reason.SHUTDOWN:
        return RenderUnavailable("the worker is shutting down")
    if reason is Reason.PREEMPTED:
        return Preempted(f"the rendering process {message}")
    if reason is Reason.ORPHANED:
        return RenderUnavailable(f"the rendering process {message}")
    if reason is Reason.PROTOCOL:
        return RenderCrashed("the rendering process broke its protocol", pid)
    return RenderCrashed(f"the rendering process {message}", pid)
