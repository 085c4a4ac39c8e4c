"""A hang that fails instead of hanging: for code that must end whatever it is fed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 10.0  # of the processor: what is linear takes milliseconds, what backtracks takes hours


class Hung(Exception):
    """Code took so long that it may never end."""


@contextmanager
def ends(what: object, seconds: float = SECONDS) -> Iterator[None]:
    """Raise Hung within the block when it takes longer; regular expressions are stopped too.

    The time is that of this process's work, for the machine may be busy.
    """

    def stop(_signum: int, _frame: FrameType | None) -> None:
        raise Hung(f"{what!r:.200} took longer than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
