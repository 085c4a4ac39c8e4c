"""The memory budget of rendering children: what fits runs in parallel, the rest waits."""

import asyncio
from collections import deque
from typing import Self

FREE_BYTES = 256 * 1024 * 1024  # of each slot, where there is plenty
AT_REST_BYTES = 64 * 1024 * 1024  # of a child that has done nothing yet
UNBOUNDED = 2**60


class MemoryBudget:
    """Bytes that all works together are predicted to take, at most.

    A part of them belongs to the slots, half of all at most: what fits into the part of a slot
    goes on without asking. What takes more shares the rest, first come first served, and waits
    in a lane of its own while that is used up. One that takes more than all of it goes alone
    in this lane: predictions are up to three times what is taken, and what is certain not
    to fit is refused by the engine.
    """

    def __init__(self, total: int = UNBOUNDED, slots: int = 1) -> None:
        self.total = total
        self.free_bytes = min(FREE_BYTES, total // (2 * slots))
        """What a work may take without asking."""
        self.kept_bytes = AT_REST_BYTES + total // (4 * slots)
        """What a child may have resident between two works."""
        self._room = total - slots * self.free_bytes
        self._used = 0
        self._lane: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many works wait for memory."""
        return sum(not granted.done() for _, granted in self._lane)

    @property
    def taken(self) -> int:
        """How many bytes are taken beyond the parts of the slots."""
        return self._used

    def share(self) -> "Share":
        """Return a work its share, which is empty at first; to be used as a context."""
        return Share(self)

    def take(self, size: int) -> bool:
        """Take so much beyond the part of a slot, unless it is not there or others wait for it."""
        if self.waiting or not self._fits(size):
            return False
        self._used += size
        return True

    async def take_in_turn(self, size: int) -> None:
        """Wait in the lane until so much is there, and take it."""
        if self.take(size):
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lane.append((size, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.cancelled():
                self._let_in()
            else:
                self.give_back(size)
            raise

    def give_back(self, size: int) -> None:
        """Give back what was taken, to those who wait."""
        self._used -= size
        self._let_in()

    def _let_in(self) -> None:
        while self._lane and (self._lane[0][1].done() or self._fits(self._lane[0][0])):
            size, granted = self._lane.popleft()
            if not granted.done():
                self._used += size
                granted.set_result(None)

    def _fits(self, size: int) -> bool:
        return not self._used or self._used + size <= self._room


class Share:
    """What one work takes of a budget, given back at the end of the context."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._taken = 0
        self._wanted = 0

    @property
    def free_bytes(self) -> int:
        """What the work may take without asking."""
        return self._budget.free_bytes

    def ask(self, peak: int) -> bool:
        """Return whether the work may take so many bytes now; if not, it is to wait."""
        self._wanted = max(0, peak - self.free_bytes)
        if self._wanted <= self._taken:
            return True
        if self._taken or not self._budget.take(self._wanted):
            return False
        self._taken = self._wanted
        return True

    async def wait(self) -> None:
        """Wait for what was asked for last."""
        taken, self._taken = self._taken, 0
        if taken:
            self._budget.give_back(taken)
        await self._budget.take_in_turn(self._wanted)
        self._taken = self._wanted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._taken:
            self._budget.give_back(self._taken)
