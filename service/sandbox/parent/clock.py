"""A deadline that counts only while the child is the one who works."""

import asyncio
from collections.abc import Callable


class Clock:
    """Calls `on_overrun` when it has run for so many seconds, pauses not counted."""

    def __init__(self, on_overrun: Callable[[], None]) -> None:
        self._on_overrun = on_overrun
        self._left = 0.0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether time counts at the moment."""
        return self._timer is not None

    def start(self, seconds: float) -> None:
        """Count from now."""
        self._left = seconds
        self.resume()

    def resume(self) -> None:
        """Count again, from where it was paused."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._since = loop.time()
            self._timer = loop.call_later(max(0.0, self._left), self._overrun)

    def pause(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._left -= asyncio.get_running_loop().time() - self._since

    def _overrun(self) -> None:
        self.pause()
        self._on_overrun()
