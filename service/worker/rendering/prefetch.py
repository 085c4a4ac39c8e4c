"""How many processes a worker claims ahead: so many that no child waits, but none too many."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

BASE = 2  # for each child: one renders while another is fetched or published
MOST = 16  # for each child
MOST_POSTPONED = 8  # for each child, of those that wait in the lane, beside all others
FULL = 4  # for each child, of those that wait in the lane: their services are refused from then on
AHEAD_SECONDS = 0.1  # of rendering for each child, claimed in advance
WEIGHT = 0.1  # of the newest work in the average


class Lane(Protocol):
    """Where works wait for memory, or for slow ones to end."""

    @property
    def waiting(self) -> int:
        """How many there are."""

    @property
    def waiting_owners(self) -> Collection[str]:
        """The services that they are of, as `Work.owner` names them."""


class Prefetch:
    """A number that grows with the speed of the children: quick work is claimed many at a time.

    Those that wait in the `lane` take nobody's place; when it is full, the services of which some
    wait there are refused.
    """

    def __init__(
        self,
        children: int,
        cores: int | None = None,
        *,
        lane: Lane | None = None,
    ) -> None:
        self._children = children
        self._cores = cores or len(os.sched_getaffinity(0))
        self._lane = lane
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
        postponed = self._lane.waiting if self._lane else 0
        beside = min(postponed, self._children * MOST_POSTPONED)
        return most + beside, max(1, (most - self.base) // 2)

    def refused(self) -> Collection[int]:
        """Return the services of which no more is claimed now."""
        if self._lane is None or self._lane.waiting < FULL * self._children:
            return ()
        return {int(owner) for owner in self._lane.waiting_owners}

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
