"""How many processes a worker has in hand: enough that no child waits, few enough to share."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BASE = 2  # for each child: one renders while another is fetched or published
MOST = 16  # for each child
MOST_POSTPONED = 8  # for each child, of those that wait for memory, beside all others
AHEAD_SECONDS = 0.05  # of rendering for each child, claimed in advance
WEIGHT = 0.1  # of the newest work in the average


class Appetite:
    """Grows with the speed of the children, so that quick work is claimed many at a time.

    `postponed` tells how many wait for memory: they take nobody's place.
    """

    def __init__(
        self,
        children: int,
        cores: int | None = None,
        *,
        postponed: Callable[[], int] = lambda: 0,
    ) -> None:
        self._children = children
        self._cores = cores or len(os.sched_getaffinity(0))
        self._postponed = postponed
        self._seconds = AHEAD_SECONDS  # that a work takes, on average
        self._rendering = 0

    def note(self, seconds: float) -> None:
        """Note how long a child worked on something."""
        self._seconds += WEIGHT * (seconds - self._seconds)

    @property
    def base(self) -> int:
        """How many are in hand at least while there is work; more are there in advance."""
        return BASE * self._children

    def room(self) -> tuple[int, int]:
        """Return how many may be in hand, and how many of them are claimed at once, at least."""
        ahead = int(AHEAD_SECONDS / max(self._seconds, 1e-6))
        most = self._children * min(MOST, BASE + max(0, ahead - 1))
        beside = min(self._postponed(), self._children * MOST_POSTPONED)
        return most + beside, max(1, (most - self.base) // 2)

    @contextmanager
    def rendering(self) -> Iterator[None]:
        """Count a process that needs a child, from its fetch to its last result."""
        self._rendering += 1
        try:
            yield
        finally:
            self._rendering -= 1

    @property
    def threads(self) -> int:
        """How many cores a process may use now: its share of the slots, so one under load.

        What waits in the queue is claimed as long as there is room, and so is counted here.
        """
        return max(1, min(self._children, self._cores) // max(1, self._rendering))
