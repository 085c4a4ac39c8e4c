"""Logs one line when a dependency becomes unavailable, and one when it is available again.

Several parts of a process meet the same outage, some of them many times a second; what they meet
is one outage to whoever reads the log.
"""

import threading
from collections.abc import Callable
from time import monotonic

import structlog

STEADY_SECONDS = 2.0  # without a failure, before a success ends an outage
MAX_KNOWN = 1000  # dependencies that are out at once; storages are as many as services

POSTGRES, REDIS = "postgres", "redis"

log = structlog.get_logger(__name__)


class Outages:
    """The dependencies that are out, for all threads of a process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._out: dict[str, tuple[float, float, int]] = {}

    def failed(self, dependency: str, error: BaseException | str) -> None:
        """Note that a dependency could not be used; the first time in an outage it is logged."""
        now = self._clock()
        with self._lock:
            if known := self._out.get(dependency):
                began, _, failures = known
                self._out[dependency] = (began, now, failures + 1)
                return
            if len(self._out) >= MAX_KNOWN:
                self._out.clear()
            self._out[dependency] = (now, now, 1)
        words = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        log.warning("dependency_unavailable", dependency=dependency, error=words)

    def worked(self, dependency: str) -> None:
        """Note that a dependency works: that ends an outage, a while after its last failure."""
        if not self._out:  # as always: costs next to nothing
            return
        now = self._clock()
        with self._lock:
            began, last, failures = self._out.get(dependency, (0.0, now, 0))
            if now - last < STEADY_SECONDS:
                return
            del self._out[dependency]
        log.warning(
            "dependency_available", dependency=dependency, seconds=round(now - began, 1),
            failures=failures,
        )  # fmt: skip


outages = Outages()
