"""A leased process, and until when the lease certainly holds by the worker's own clock.

Nobody is asked before each write to a storage: Postgres gives a process to another only when
its lease has run out, and counts the lease from when it got our statement. We count from
before we sent it, and stop a margin earlier (docs/decisions/1005). The clock goes on while
the machine sleeps.
"""

import time
from datetime import datetime, timedelta

from service.errors import LeaseLost
from service.store import Claim

MARGIN = 0.1  # of a lease: for clocks that run apart, and for what a check lets begin


def clock() -> float:
    """Return seconds that count suspension too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """A claim and its time; `asked` is when the statement that took it was about to be sent."""

    def __init__(self, claim: Claim, asked: float, seconds: float) -> None:
        self.claim = claim
        self._seconds = seconds * (1 - MARGIN)
        self._claimed = clock()
        self._until = 0.0
        self._moved = self._claimed
        self.waits_for_child = False
        self.renew(asked)

    def renew(self, asked: float) -> None:
        """Note that the lease was renewed by a statement sent after `asked`."""
        self._until = asked + self._seconds

    def progress(self) -> None:
        """Note that something has happened with the process."""
        self._moved = clock()

    def wait_for_child(self, waits: bool) -> None:
        """Note that it waits for a child, or that it has got one."""
        self.waits_for_child = waits
        self.progress()

    @property
    def idle_seconds(self) -> float:
        """For how long nothing has happened with it."""
        return clock() - self._moved

    def check(self) -> None:
        """Raise LeaseLost if another may have the process by now; any thread may ask."""
        if clock() >= self._until:
            raise LeaseLost("the lease was not renewed in time")

    def now(self) -> datetime:
        """Return the time by the clock of Postgres, never ahead of it."""
        return self.claim.claimed_at + timedelta(seconds=clock() - self._claimed)
