"""What libvips warns of, which it tells to GLib's log and no caller.

pyvips gives that log to Python's; it is taken from there, and shown nowhere.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from engine.vips.binding import clear_errors


class _Listener(logging.Handler):
    """Gives each warning to the innermost that listens; what nobody waits for is dropped.

    Warnings come from libvips' own threads, so a process renders one batch at a time.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.listening: list[list[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take one warning, as libvips wrote it."""
        if self.listening:
            self.listening[-1].append(record.getMessage().removeprefix("VIPS: "))


LISTENER = _Listener()
_LOG = logging.getLogger("pyvips")
_LOG.addHandler(LISTENER)
_LOG.setLevel(logging.WARNING)
_LOG.propagate = False


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what is warned of meanwhile; what an inner one collects is its own.

    A JPEG's warnings are told when its pipeline is let go: leave no reference to it behind.
    libvips gives the whole of its error buffer with them, which is emptied here.
    """
    clear_errors()
    warnings: list[str] = []
    LISTENER.listening.append(warnings)
    try:
        yield warnings
    finally:
        LISTENER.listening.pop()
