"""The budget of rendering children: what fits runs in parallel, the rest waits in a lane."""

import asyncio
import math
from bisect import insort
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

from service.sandbox.parent.admission.turns import Turns

FREE_BYTES = 256 * 1024 * 1024  # of each slot, where there is plenty
AT_REST_BYTES = 64 * 1024 * 1024  # of a child that has done nothing yet
UNBOUNDED = 2**60
SPARE = 1  # children beyond the slots, for what is quick while all slots hold what is slow


class Need(NamedTuple):
    """What a work needs of a budget: bytes beyond the part of a slot, and a place if it is slow."""

    size: int = 0
    slow: bool = False


class _Waiting:
    """A work in the lane, or one that has just been let in."""

    def __init__(self, owner: str, place: float, need: Need) -> None:
        self.owner = owner
        self.place = place
        self.need = need
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Budget:
    """What all works together may take: bytes of memory, and slots for slow ones.

    A part of the bytes belongs to the children, half of all at most: what fits into the part of one
    goes on without asking. What takes more shares the rest, and waits in a lane while that is used
    up. One that takes more than all of it goes alone: predictions are up to three times what is
    taken, and what is certain not to fit is refused by the engine.

    What takes more than `slow_seconds` of one core is slow, and so is what has run for longer.
    There are no more slow works at once than slots, and then a spare child for what is quick; other
    slow works wait in the same lane, where they hold up nobody who needs memory alone. In the lane
    owners take turns.
    """

    def __init__(
        self,
        total: int = UNBOUNDED,
        slots: int = 1,
        *,
        slow_seconds: float = math.inf,
        resting: int = 0,
    ) -> None:
        self.total = total
        self.slow_seconds = slow_seconds
        """What a work may take without being slow."""
        self.spare = SPARE if slow_seconds < math.inf else 0
        """How many children there are beyond the slots, for quick works."""
        self.resting = resting
        """How many more there are, so that owners who take turns keep theirs."""
        parts = slots + self.spare
        self.free_bytes = min(FREE_BYTES, total // (2 * parts))
        """What a work may take without asking."""
        self.kept_bytes = AT_REST_BYTES + total // (4 * parts)
        """What a child may have resident between two works."""
        self._kept_by_all = total // 4
        self.on_change: Callable[[], None] = lambda: None
        """Called when another number of works is slow."""
        self._room = total - parts * self.free_bytes
        self._used = 0
        self._most_slow = slots
        self._slow = 0
        self._turns = Turns()
        self._lane: list[_Waiting] = []

    def is_exceeded(self, resident: Iterable[int]) -> bool:
        """Whether children that had so many bytes resident at rest keep too much together."""
        return sum(max(0, each - AT_REST_BYTES) for each in resident) > self._kept_by_all

    @property
    def waiting(self) -> int:
        """How many works wait in the lane."""
        return sum(not each.granted.done() for each in self._lane)

    @property
    def waiting_slow(self) -> int:
        """How many of them are slow."""
        return sum(each.need.slow and not each.granted.done() for each in self._lane)

    @property
    def waiting_owners(self) -> frozenset[str]:
        """Whose works wait in the lane."""
        return frozenset(each.owner for each in self._lane if not each.granted.done())

    @property
    def taken(self) -> int:
        """How many bytes are taken beyond the parts of the children."""
        return self._used

    @property
    def slow(self) -> int:
        """How many works are slow, of those that were let in."""
        return self._slow

    def share(self, owner: str) -> "Share":
        """Return a work its share, which is empty at first; to be used as a context."""
        return Share(self, owner)

    def enter(self, owner: str, need: Need) -> _Waiting:
        """Enter the lane, and take what is needed if it is there and nobody before waits for it."""
        place = self._turns.next_place(owner, alone=not self._lane)
        entered = _Waiting(owner, place, need)
        insort(self._lane, entered, key=lambda each: each.place)
        self._let_in()
        return entered

    def leave(self, waiting: _Waiting) -> None:
        """Give back what was taken, or leave the lane."""
        if waiting in self._lane:
            self._lane.remove(waiting)
        else:
            self._change(-waiting.need.size, -waiting.need.slow)
        self._let_in()

    def overrun(self) -> bool:
        """Count one more work as slow, unless there are as many as slots."""
        if self._slow >= self._most_slow:
            return False
        self._change(0, 1)
        return True

    def end_overrun(self) -> None:
        """Count it no more."""
        self._change(0, -1)
        self._let_in()

    def _let_in(self) -> None:
        """Let in who is first for what there is; who waits for slow ones holds no memory."""
        memory_waited_for = slow_waited_for = False
        for each in list(self._lane):
            size, slow = each.need
            if slow and (slow_waited_for or self._slow >= self._most_slow):
                slow_waited_for = True
            elif size and (memory_waited_for or not self._fits(size)):
                memory_waited_for, slow_waited_for = True, slow_waited_for or slow
            else:
                self._lane.remove(each)
                self._turns.serve(each.place)
                if not each.granted.done():
                    each.granted.set_result(None)
                self._change(size, slow)

    def _change(self, size: int, slow: int) -> None:
        self._used += size
        self._slow += slow
        if slow:
            self.on_change()

    def _fits(self, size: int) -> bool:
        return not self._used or self._used + size <= self._room


class Share:
    """What one work takes of a budget, given back at the end of the context."""

    def __init__(self, budget: Budget, owner: str) -> None:
        self._budget = budget
        self._owner = owner
        self._entered: _Waiting | None = None
        self._overran = False
        self._settled = False

    @property
    def free_bytes(self) -> int:
        """What the work may take without asking."""
        return self._budget.free_bytes

    @property
    def free_seconds(self) -> float:
        """How long it may take without asking."""
        return self._budget.slow_seconds

    @property
    def waiting(self) -> bool:
        """Whether the work was asked for and is not let in yet."""
        return self._entered is not None and not self._entered.granted.done()

    @property
    def slow(self) -> bool:
        """Whether the work was let in as a slow one, or has turned out to be one."""
        return self._overran or self._has.slow

    def ask(self, peak: int, seconds: float) -> bool:
        """Return whether a work of so many bytes and seconds may go on; if not, it is to wait.

        What has turned out to be slow remains so. Who is to wait holds nothing.
        """
        need = Need(max(0, peak - self.free_bytes), self.slow or seconds > self.free_seconds)
        if not self.waiting and need.size <= self._has.size and need.slow <= self.slow:
            return True
        self.release()
        self._entered = self._budget.enter(self._owner, need)
        return self._entered.granted.done()

    async def wait(self) -> None:
        """Wait for what was asked for last."""
        if self._entered is not None:
            await self._entered.granted

    @property
    def settled(self) -> bool:
        """Whether the work was put away for what it had asked; it may not be so again."""
        return self._settled

    async def settle(self) -> None:
        """Wait for what the work was put away for."""
        self._settled = True
        await self.wait()

    def overrun(self) -> bool:
        """Count the work as slow from now on; return whether it may go on.

        It may not if it is to wait: who works then has not put the work away.
        """
        if self.waiting:
            return False
        if not self.slow:
            self._overran = self._budget.overrun()
        return self.slow

    @property
    def _has(self) -> Need:
        """What it was given for the asking."""
        return Need() if self._entered is None or self.waiting else self._entered.need

    def release(self) -> None:
        """Give back all that was taken."""
        self._leave()
        if self._overran:
            self._overran = False
            self._budget.end_overrun()

    def _leave(self) -> None:
        if self._entered is not None:
            self._budget.leave(self._entered)
            self._entered = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
