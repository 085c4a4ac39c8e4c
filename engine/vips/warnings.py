"""Collects the warnings of libvips, which only GLib's log receives.

pyvips gives that log to Python's; it is taken from there, and shown nowhere.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from engine.vips.binding import clear_errors, unraised_errors


class _Listener(logging.Handler):
    """Gives each warning to the innermost that listens; what nobody waits for is dropped.

    Warnings come from libvips' own threads, so a process renders one batch at a time. Who does
    several jobs of it at the same time overhears all warnings, for some go astray.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.listening: list[list[str]] = []
        self.overheard: list[str] | None = None
        self.turn = Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one warning, as libvips wrote it."""
        with self.turn:
            warning = record.getMessage().removeprefix("VIPS: ")
            if self.overheard is not None:
                self.overheard.append(warning)
            if self.listening:
                self.listening[-1].append(warning)


LISTENER = _Listener()
_LOG = logging.getLogger("pyvips")
_LOG.addHandler(LISTENER)
_LOG.setLevel(logging.WARNING)
_LOG.propagate = False


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what is warned of meanwhile; what an inner one collects is its own.

    A JPEG's warnings are told when its pipeline is let go: leave no reference to it behind.
    libvips gives the whole of its error buffer with them, which is emptied here. What is in the
    buffer at the end it passed over: libtiff's errors, if it is to give what it can.
    """
    clear_errors()
    warnings: list[str] = []
    with LISTENER.turn:
        LISTENER.listening.append(warnings)
    try:
        yield warnings
        warnings += filter(None, [unraised_errors()])
    finally:
        with LISTENER.turn:
            LISTENER.listening = [each for each in LISTENER.listening if each is not warnings]


@contextmanager
def overhearing() -> Iterator[list[str]]:
    """Collect all that is warned of meanwhile, whoever listens."""
    warnings: list[str] = []
    LISTENER.overheard = warnings
    try:
        yield warnings
    finally:
        LISTENER.overheard = None
