"""Deadlines of each job and of all jobs, which count only while the child is working."""

import asyncio
import math
from collections.abc import Callable

TICK_SECONDS = 0.5
LATE_SECONDS = 1.0  # a tick later than this: the worker stood still


class Clock:
    """Calls `on_overrun` when a job, or all of them, took so many seconds, pauses not counted.

    `on_lasting` is called once, when all of them have taken as long as was not expected.

    It counts in ticks: of a time in which the worker itself did not run, frozen or starved
    as it was, a tick counts and no more.
    """

    def __init__(
        self, on_overrun: Callable[[], None], on_lasting: Callable[[], None] = lambda: None
    ) -> None:
        self._on_overrun = on_overrun
        self._on_lasting = on_lasting
        self._expected = math.inf
        self._deadline = 0.0
        self._in_all = 0.0
        self._left = 0.0
        self._left_in_all = 0.0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.spent = 0.0
        """Seconds that were counted since the start."""

    @property
    def running(self) -> bool:
        """Whether time counts at the moment."""
        return self._timer is not None

    @property
    def expired(self) -> bool:
        """Whether the time of the job, or of all, is over."""
        return min(self._left, self._left_in_all) <= 0

    @property
    def verdict(self) -> str:
        """Say which of the two is over."""
        if self._left_in_all <= 0:
            return f"used up the {self._in_all:g} s that were left for its work"
        return f"took longer than its deadline of {self._deadline:g} s"

    def start(self, seconds: float, in_all: float = math.inf, expected: float = math.inf) -> None:
        """Count from now: so many seconds for each job, so many for all together.

        `expected` are those after which all of them last.
        """
        self._expected = expected
        self._deadline = self._left = seconds
        self._in_all = self._left_in_all = in_all
        self.spent = 0.0
        self.resume()

    def expect(self, more: float) -> None:
        """Have it told once more that all of them last, after so many more seconds."""
        self.pause()
        self._expected = self.spent + more
        self.resume()

    def next_job(self) -> None:
        """Give the next job its full time; the tick that is due comes no later than its end."""
        if self.running:
            self._count()
        self._left = self._deadline

    def resume(self) -> None:
        """Count again, from where it was paused."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._since = loop.time()
            lasting = self._expected - self.spent
            left = max(0.0, min(TICK_SECONDS, self._left, self._left_in_all, lasting))
            self._timer = loop.call_later(left, self._tick)

    def pause(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._count()

    def _count(self) -> None:
        now = asyncio.get_running_loop().time()
        passed, self._since = now - self._since, now
        if passed > TICK_SECONDS + LATE_SECONDS:
            passed = TICK_SECONDS
        self._left -= passed
        self._left_in_all -= passed
        self.spent += passed

    def _tick(self) -> None:
        self.pause()
        if self.expired:
            self._on_overrun()
            return
        lasts = self.spent >= self._expected
        if lasts:
            self._expected = math.inf
        self.resume()
        if lasts:
            self._on_lasting()
