"""The sandbox: rendering children, and a queue of those that wait for one."""

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
from service.sandbox.parent.admission import AT_REST_BYTES, Budget, Share, Turns
from service.sandbox.parent.child_handle import Child
from service.sandbox.parent.exits import StartFailed
from service.sandbox.parent.fork_server import ForkServer
from service.sandbox.parent.packed_work import PackedWork, file_states
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

TASK = "sandbox_slot"  # its name for the supervisor
NEAR = 32  # of those who wait longest are looked at for the owner of a free child
OTHERS = 2  # distance of a child to whom it may not serve
PASSED_MOST = 4  # times that one who waits may be passed by those whose owner has the free child
PROVEN_SECONDS = 1.0  # a child that lived so long, or was given work, was no failed start


class _Turn:
    """Someone who waits for a child, and how often others went before for their owner's sake.

    The least `place` goes first. `awaited` is a child that was put away for them, whose
    successor they wait for, so that no other is put away.
    """

    def __init__(self, owner: str, place: float, awaited: Child | None) -> None:
        self.owner = owner
        self.place = place
        self.awaited = awaited
        self.passed = 0
        self.child: asyncio.Future[Child] = asyncio.get_running_loop().create_future()


class Sandbox:
    """Rendering children, started in advance: one for each slot, and what the budget allows beside.

        async with Sandbox(slots=2) as sandbox:
            async with sandbox.render(work) as rendering:
                async for result in rendering:
                    ...

    A child that crashes, hangs, breaks the protocol or is left by its caller is killed
    and replaced; the other slots do not notice. If owners are `isolated`, so is the one that has
    rested longest where an owner comes for whom there is none: children that rest beyond the slots
    make that rare.
    `environ` is where the child's few variables are taken from (`commands.INHERITED`); everything
    else stays out. `on_exit` is told of every child that ended, `on_wait` for how many seconds each
    work waited for a child.
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
        budget: Budget | None = None,
        isolated: bool = True,
    ) -> None:
        self.slots = slots or len(os.sched_getaffinity(0))
        self._limits = limits
        self._server = ForkServer(command, commands.environment(environ))
        self._on_exit = on_exit
        self._on_wait = on_wait
        self._supervisor = supervisor or Supervisor()
        self.budget = budget or Budget()
        self.budget.on_change = self._serve
        self._isolated = isolated
        self._children: dict[int, Child | StartFailed] = {}
        self._patience = limits.start_most_seconds
        """Seconds for the next child to start."""
        self._idle: deque[Child] = deque()
        self._line: deque[_Turn] = deque()
        self._turns = Turns()
        self._keepers: list[asyncio.Task[None]] = []
        self._closed = False

    async def __aenter__(self) -> Self:
        """Start all children; RenderUnavailable says why that cannot be done."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._close_children)
            await asyncio.gather(*(self._start(slot) for slot in self._places))
            if self._troubles:
                raise self._unavailable()
            undo.pop_all()
        keepers = [partial(self._keep, slot) for slot in self._places]
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

        What is predicted to take more memory than there is waits for it, without a child, and so
        does what is slow while all slots are.
        The body is entered when the work is known not to, which may be as late as its first
        result: `on_waiting` is told False as soon as a child has the work, and True if the
        work then has to wait, which is once at most: a child that asks for more then breaks the
        protocol. Preempted is raised for what was taken for quick, and is not, while
        all slots are held by slow works; it is `slow` when it comes again.
        """
        before = file_states(work)
        with self.budget.share(work.owner) as share:
            if work.slow:
                share.ask(0, math.inf)
                await share.wait()
            while True:
                child, rendering = await self._give(work, share)
                try:
                    on_waiting(False)
                    if await rendering.begun:
                        yield rendering
                        return
                except RenderCrashed:
                    if file_states(work) != before:  # SIGBUS, where a mapped file was cut off
                        raise SourceChanged("the source was changed while it was read") from None
                    raise
                finally:
                    if rendering.unfinished and not rendering.over:
                        child.kill(Reason.CANCELLED, "was stopped when its caller left")
                    rendering.discard()
                on_waiting(True)
                await share.settle()

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
        """How many slots have nothing to do."""
        return max(0, min(len(self._idle), self.slots - self.busy))

    @property
    def waiting(self) -> int:
        """How many works wait for a child, for memory, or for slow ones to end."""
        return sum(not turn.child.done() for turn in self._line) + self.budget.waiting

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
    def _places(self) -> range:
        return range(self.slots + self.budget.spare + self.budget.resting)

    @property
    def _living(self) -> list[Child]:
        children = (child for child in self._children.values() if isinstance(child, Child))
        return [child for child in children if not child.ended.done()]

    @property
    def _troubles(self) -> list[StartFailed]:
        return [child for child in self._children.values() if isinstance(child, StartFailed)]

    async def _give(self, work: Work, share: Share) -> tuple[Child, Rendering]:
        """Wait for a free child and give it the work."""
        with PackedWork(work, self._limits, share) as packed:
            began = time.monotonic()
            given = await self._begin(packed, share)
            self._on_wait(time.monotonic() - began)
        return given

    async def _begin(self, packed: PackedWork, share: Share) -> tuple[Child, Rendering]:
        gone: Child | None = None
        while True:
            child = await self._acquire(packed.owner, gone)
            gone = child
            if self._isolated and child.owner not in {None, packed.owner}:
                child.kill(Reason.OTHER_OWNER, "was replaced for another owner")
                continue
            try:
                return child, child.begin(packed, share)
            except ConnectionError:
                child.kill(Reason.CRASHED, "was gone when its work came")
            except BaseException:
                self._offer(child)
                raise

    async def _acquire(self, owner: str, gone: Child | None) -> Child:
        """Get a free child, of the same owner if there is one; who lost theirs goes first."""
        if self._closed or len(self._troubles) == len(self._places):
            raise self._unavailable()
        next_place = self._turns.next_place
        place = -math.inf if gone else next_place(owner, alone=not self._line)
        turn = _Turn(owner, place, gone)
        insort(self._line, turn, key=lambda each: each.place)
        self._serve()
        try:
            return await turn.child
        except asyncio.CancelledError:
            if turn.child.done() and not turn.child.cancelled() and not turn.child.exception():
                self._offer(turn.child.result())
            raise

    def _offer(self, child: Child) -> None:
        """Have a free child serve whoever waits."""
        self._idle.append(child)
        self._free_memory()
        self._serve()

    def _free_memory(self) -> None:
        """Replace who has rested longest with much memory, while all keep more than they may."""
        while self.budget.is_exceeded(child.resident for child in self._living):
            child = next((each for each in self._idle if each.resident > AT_REST_BYTES), None)
            if child is None:
                return
            self._idle.remove(child)
            child.kill(Reason.RECYCLED, f"replaced for {child.resident:,} bytes kept at rest")

    def _serve(self) -> None:
        """Give free children to whoever is first, or near to that and of the same owner.

        No more work at once than there are slots, or one beside as many slow works as there are.
        """
        while self._idle and self._has_room:
            while self._line and self._line[0].child.done():
                self._line.popleft()
            near = [each for each in islice(self._line, NEAR) if self._can_serve(each)]
            if not near:
                return
            turn = near[0]
            if turn.passed < PASSED_MOST:
                turn = min(near, key=lambda each: _distance(self._nearest(each.owner), each.owner))
            child = self._nearest(turn.owner)
            for each in self._line:
                if each is turn:
                    break
                each.passed += 1
            self._line.remove(turn)
            self._turns.serve(turn.place)
            self._idle.remove(child)
            turn.child.set_result(child)

    @property
    def _has_room(self) -> bool:
        given = len(self._living) - len(self._idle)
        return given < max(self.slots, self.budget.slow + 1)

    def _can_serve(self, turn: _Turn) -> bool:
        """Whether there is a child for someone who waits: no other's while theirs is started."""
        if turn.child.done():
            return False
        awaits = turn.awaited in self._children.values()
        return not awaits or _distance(self._nearest(turn.owner), turn.owner) < OTHERS

    def _nearest(self, owner: str) -> Child:
        """Return the free child that fits an owner best."""
        return min(self._idle, key=lambda child: _distance(child, owner))

    async def _keep(self, slot: int) -> None:
        """Hold a slot for ever: offer its child, reap it, start the next."""
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
        message = f"could not be kept ({type(error).__name__}: {error})"
        self._mark_failed(slot, StartFailed(ChildExit(reason=Reason.START_FAILED, message=message)))
        if isinstance(child, Child):
            child.close()

    async def _employ(self, child: Child) -> bool:
        """Offer a child until it ends, and reap it; tells whether it was any good."""
        began = time.monotonic()
        self._offer(child)
        try:
            await asyncio.wait([child.ended])  # unlike a bare await, leaves it uncancelled
        finally:
            child.kill(Reason.SHUTDOWN, "was stopped with its worker")
            if child in self._idle:
                self._idle.remove(child)
            self._serve()
            self._on_exit(await child.reap())
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
        if len(self._troubles) == len(self._places):
            self._turn_away()
        else:
            self._serve()  # who waited for this child may have another's

    def _turn_away(self) -> None:
        while self._line:
            turn = self._line.popleft().child
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
        self._closed = True  # for those who wait in the lane, and come when others have ended
        for keeper in self._keepers:
            keeper.cancel()
        ends = await asyncio.gather(*self._keepers, return_exceptions=True)
        self._close_children()  # of keepers that were cancelled before they began
        self._turn_away()
        self._close_children()  # of keepers that have never run, too
        for end in ends:
            if isinstance(end, Exception):
                raise end


def _distance(child: Child, owner: str) -> int:
    """Say how well a child fits an owner: it is theirs, nobody's, or another's."""
    return 0 if child.owner == owner else 1 if child.owner is None else OTHERS
