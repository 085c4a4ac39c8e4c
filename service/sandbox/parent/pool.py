"""The sandbox: slots with one rendering child each, and a queue of those that wait for one."""

import asyncio
import contextlib
import math
import os
import time
from bisect import insort
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType, TracebackType
from typing import Self

from service.errors import RenderCrashed, RenderUnavailable, SourceChanged
from service.sandbox.parent import commands
from service.sandbox.parent.child_handle import Child
from service.sandbox.parent.exits import StartFailed
from service.sandbox.parent.fork_server import ForkServer
from service.sandbox.parent.memory import MemoryBudget, Share
from service.sandbox.parent.packed_work import PackedWork
from service.sandbox.parent.rendering import Rendering
from service.sandbox.protocol import (
    DEFAULT_LIMITS,
    REQUIRED,
    ChildExit,
    Reason,
    SandboxLimits,
    Work,
)
from service.supervisor import Supervisor

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    "VIPS_CONCURRENCY": "1",
    "MALLOC_ARENA_MAX": "2",
}
INHERITED = ("LD_LIBRARY_PATH", "LD_PRELOAD")  # where libraries are, and which allocator

TASK = "sandbox_slot"  # its name for the supervisor
NEAR = 32  # of those who wait longest are looked at for the owner of a free child
PASSED_MOST = 4  # times that one who waits may be passed by those whose owner has the free child
PROVEN_SECONDS = 1.0  # a child that lived so long, or was given work, was no failed start


class _Turn:
    """Someone who waits for a child, and how often others went before for their owner's sake.

    The least `place` goes first.
    """

    def __init__(self, owner: str, place: float) -> None:
        self.owner = owner
        self.place = place
        self.passed = 0
        self.child: asyncio.Future[Child] = asyncio.get_running_loop().create_future()


class Sandbox:
    """Rendering children, started in advance, one for each slot.

        async with Sandbox(slots=2) as sandbox:
            async with sandbox.render(work) as rendering:
                async for result in rendering:
                    ...

    A child that crashes, hangs, breaks the protocol or is left by its caller is killed
    and replaced; the other slots do not notice. So is one that has worked for another owner.
    `environ` is where the child's few variables are taken from (INHERITED); everything else
    stays out. `on_exit` is told of
    every child that ended, `on_wait` for how many seconds each work waited for a child.
    `supervisor` keeps each slot going, whatever its keeper meets.
    """

    def __init__(
        self,
        slots: int | None = None,
        *,
        limits: SandboxLimits = DEFAULT_LIMITS,
        environ: Mapping[str, str] = MappingProxyType({}),
        on_exit: Callable[[ChildExit], None] = lambda _: None,
        on_wait: Callable[[float], None] = lambda _: None,
        command: Sequence[str] = commands.RENDER,
        supervisor: Supervisor | None = None,
        memory: MemoryBudget | None = None,
    ) -> None:
        self.slots = slots or len(os.sched_getaffinity(0))
        self._limits = limits
        self._server = ForkServer(command, child_environment(environ))
        self._on_exit = on_exit
        self._on_wait = on_wait
        self._supervisor = supervisor or Supervisor()
        self.memory = memory or MemoryBudget()
        self._children: dict[int, Child | StartFailed] = {}
        self._patience = limits.start_most_seconds
        """Seconds for the next child to start."""
        self._idle: deque[Child] = deque()
        self._turns: deque[_Turn] = deque()
        self._place = 0.0  # of who was served last
        self._next_places: dict[str, float] = {}  # of each owner's next turn
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start a child in every slot; RenderUnavailable says why that cannot be done."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._close_children)
            await asyncio.gather(*(self._start(slot) for slot in range(self.slots)))
            if self._troubles:
                raise self._unavailable()
            undo.pop_all()
        keepers = [partial(self._keep, slot) for slot in range(self.slots)]
        kept = (self._supervisor.keep(TASK, keep) for keep in keepers)
        self._keepers = [asyncio.create_task(task) for task in kept]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill all children; work that is under way ends with RenderUnavailable."""
        await self._close()

    @contextlib.asynccontextmanager
    async def render(
        self, work: Work, on_waiting: Callable[[bool], None] = lambda _: None
    ) -> AsyncIterator[Rendering]:
        """Wait for a free child and give it the work; owners take turns, each first come first.

        The body takes the results and closes their files. Leaving it before all jobs are
        answered kills the child. Raises RenderUnavailable while no child can be started,
        LimitExceeded for too many inputs, and SourceChanged if the child crashed while another
        wrote to one of its files.

        What is predicted to take more memory than there is waits for it, without a child.
        The body is entered when the work is known not to, which may be as late as its first
        result: `on_waiting` is told False as soon as a child has the work, and True if the
        work then has to wait for memory.
        """
        before = _states(work)
        with self.memory.share() as share:
            while True:
                child, rendering = await self._give(work, share)
                try:
                    on_waiting(False)
                    if await rendering.begun:
                        yield rendering
                        return
                except RenderCrashed:
                    if _states(work) != before:  # SIGBUS, where a mapped file was cut off
                        raise SourceChanged("the source was changed while it was read") from None
                    raise
                finally:
                    if rendering.unfinished and not rendering.over:
                        child.condemn(Reason.CANCELLED, "was stopped when its caller left")
                    rendering.discard()
                on_waiting(True)
                await share.wait()

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the children that live now."""
        return tuple(child.pid for child in self._living)

    @property
    def busy(self) -> int:
        """How many children are rendering."""
        return sum(child.busy for child in self._living)

    @property
    def free(self) -> int:
        """How many children wait for work."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """How many works wait for a child, or for memory."""
        return sum(not turn.child.done() for turn in self._turns) + self.memory.waiting

    @property
    def protections(self) -> frozenset[str]:
        """What is in force in every child: names of `confine`."""
        each = [frozenset(child.protections) for child in self._living]
        return frozenset.intersection(*each) if each else frozenset()

    @property
    def missing_protections(self) -> tuple[str, ...]:
        """What is required and not in force in every child."""
        return tuple(name for name in REQUIRED if name not in self.protections)

    @property
    def _living(self) -> list[Child]:
        children = (child for child in self._children.values() if isinstance(child, Child))
        return [child for child in children if not child.ended.done()]

    @property
    def _troubles(self) -> list[StartFailed]:
        return [child for child in self._children.values() if isinstance(child, StartFailed)]

    async def _give(self, work: Work, share: Share) -> tuple[Child, Rendering]:
        """Wait for a free child and give it the work."""
        with PackedWork(work, self._limits, share.free_bytes) as packed:
            began = time.monotonic()
            given = await self._begin(packed, share)
            self._on_wait(time.monotonic() - began)
        return given

    async def _begin(self, packed: PackedWork, share: Share) -> tuple[Child, Rendering]:
        again = False
        while True:
            child = await self._acquire(packed.owner, first=again)
            again = True
            if child.owner not in {None, packed.owner}:  # what it may keep is not for this one
                child.condemn(Reason.OTHER_OWNER, "was replaced for another owner")
                continue
            try:
                return child, child.begin(packed, share.ask)
            except ConnectionError:
                child.condemn(Reason.CRASHED, "was gone when its work came")
            except BaseException:
                self._offer(child)
                raise

    async def _acquire(self, owner: str, *, first: bool) -> Child:
        """Get a free child, of the same owner if there is one; `first` goes before all others."""
        if self._idle:
            child = min(self._idle, key=lambda child: _distance(child.owner, owner))
            self._idle.remove(child)
            return child
        if len(self._troubles) == self.slots:
            raise self._unavailable()
        turn = _Turn(owner, -math.inf if first else self._next_place(owner))
        insort(self._turns, turn, key=lambda each: each.place)
        try:
            return await turn.child
        except asyncio.CancelledError:
            if turn.child.done() and not turn.child.cancelled() and not turn.child.exception():
                self._offer(turn.child.result())
            raise

    def _next_place(self, owner: str) -> float:
        """Give a place behind the owner's others, and beside the first of everybody else."""
        if not self._turns:
            self._next_places.clear()
        place = max(self._place, self._next_places.get(owner, 0.0))
        self._next_places[owner] = place + 1
        return place

    def _offer(self, child: Child) -> None:
        """Give a free child to whoever is first, or next to that for the same owner."""
        while self._turns and self._turns[0].child.done():
            self._turns.popleft()
        if not self._turns:
            self._idle.append(child)
            return
        turn = self._turns[0]
        if turn.passed < PASSED_MOST:
            near = [each for each in islice(self._turns, NEAR) if not each.child.done()]
            turn = min(near, key=lambda each: _distance(child.owner, each.owner))
        for each in self._turns:
            if each is turn:
                break
            each.passed += 1
        self._turns.remove(turn)
        self._place = max(self._place, turn.place)
        turn.child.set_result(child)

    async def _keep(self, slot: int) -> None:
        """Hold a slot for ever: offer its child, bury it, start the next."""
        pause = 0.0
        try:
            while True:
                child = self._children[slot]
                proven = isinstance(child, Child) and await self._employ(child)
                pause = 0.0 if proven else self._limits.next_pause(pause)
                await asyncio.sleep(pause)
                await self._start(slot)
        except Exception as error:
            self._clear(slot, error)
            raise

    def _clear(self, slot: int, error: Exception) -> None:
        """Leave nothing half done in a slot, so that its keeper can begin again."""
        child = self._children[slot]
        words = f"could not be kept ({type(error).__name__}: {error})"
        self._mark_failed(slot, StartFailed(ChildExit(reason=Reason.START_FAILED, words=words)))
        if isinstance(child, Child):
            child.close()

    async def _employ(self, child: Child) -> bool:
        """Offer a child until it ends, and bury it; tells whether it was any good."""
        began = time.monotonic()
        self._offer(child)
        try:
            await asyncio.wait([child.ended])  # unlike a bare await, leaves it uncancelled
        finally:
            child.condemn(Reason.SHUTDOWN, "was stopped with its worker")
            if child in self._idle:
                self._idle.remove(child)
            self._on_exit(await child.bury())
        return child.works > 0 or time.monotonic() - began > PROVEN_SECONDS

    async def _start(self, slot: int) -> None:
        """Put a new child into a slot, or the reason why there is none."""
        try:
            self._children[slot] = await Child.start(
                self._server, self._limits, self._patience, self._offer
            )
            self._patience = self._limits.start_seconds
        except StartFailed as error:
            self._patience = min(2 * self._patience, self._limits.start_most_seconds)
            self._mark_failed(slot, error)
            self._on_exit(error.exit)

    def _mark_failed(self, slot: int, error: StartFailed) -> None:
        self._children[slot] = error
        if len(self._troubles) == self.slots:
            self._turn_away()

    def _turn_away(self) -> None:
        while self._turns:
            turn = self._turns.popleft().child
            if not turn.done():
                turn.set_exception(self._unavailable())

    def _unavailable(self) -> RenderUnavailable:
        why = next((str(error) for error in self._troubles), "the worker is shutting down")
        return RenderUnavailable(f"no rendering process: {why}")

    def _close_children(self) -> None:
        for child in self._living:
            child.close()
        self._server.close()

    async def _close(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        ends = await asyncio.gather(*self._keepers, return_exceptions=True)
        self._close_children()  # of keepers that were cancelled before they began
        self._turn_away()
        self._close_children()  # of keepers that have never run, too
        for end in ends:
            if isinstance(end, Exception):
                raise end


def _distance(child: str | None, owner: str) -> int:
    """Say how well a child fits an owner: it is theirs, nobody's, or another's."""
    return 0 if child == owner else 1 if child is None else 2


def _states(work: Work) -> list[tuple[int, int]]:
    """Give size and time of last change of each file of a work."""
    found = (os.fstat(file.fileno()) for file in (work.source, *work.inputs.values()))
    return [(status.st_size, status.st_mtime_ns) for status in found]


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the whole environment of a child: constants, and what may pass of `environ`."""
    return ENVIRONMENT | {name: environ[name] for name in INHERITED if name in environ}
