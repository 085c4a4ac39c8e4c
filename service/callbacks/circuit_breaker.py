"""A circuit breaker for receivers that do not answer, so that they occupy no slots."""

import random
from collections.abc import Callable
from time import monotonic

from service.callbacks.fair_share import Lane
from service.settings import Settings

MOST_REMEMBERED = 10_000


class _Failing:
    """How often in a row a lane has failed, and when it may be tried again."""

    def __init__(self) -> None:
        self.failures = 0
        self.open_until = 0.0


class CircuitBreaker:
    """Opens for a lane after some failures in a row, then lets one callback through at a time.

    The pause doubles with each one that fails, up to a bound; one that is answered ends it.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = monotonic) -> None:
        self._after = settings.callback_breaker_failures
        self._pause = settings.callback_breaker_seconds
        self._longest_pause = settings.callback_breaker_max_seconds
        self._try_seconds = settings.callback_seconds
        self._clock = clock
        self._failing: dict[Lane, _Failing] = {}

    @property
    def open(self) -> int:
        """How many lanes are left alone now; may be asked from another thread."""
        now = self._clock()
        return sum(each.open_until > now for each in list(self._failing.values()))

    def pause(self, lane: Lane) -> float:
        """Return the seconds for which the lane is to be left alone, 0 for a try now."""
        failing = self._failing.get(lane)
        return 0.0 if failing is None else max(0.0, failing.open_until - self._clock())

    def begin(self, lane: Lane) -> float:
        """Say that a try begins, unless the lane is to be left alone for so many seconds.

        The try that ends a pause keeps the circuit open for others for as long as it may take.
        """
        left, failing = self.pause(lane), self._failing.get(lane)
        if left == 0 and failing is not None and failing.failures >= self._after:
            failing.open_until = self._clock() + self._try_seconds
        return left

    def succeeded(self, lane: Lane) -> None:
        """Note that the receiver answered, whatever it said."""
        self._failing.pop(lane, None)

    def failed(self, lane: Lane) -> None:
        """Note that no answer came."""
        if lane not in self._failing and len(self._failing) >= MOST_REMEMBERED:
            del self._failing[next(iter(self._failing))]
        failing = self._failing.setdefault(lane, _Failing())
        failing.failures += 1
        doublings = min(failing.failures - self._after, 32)
        if doublings >= 0:
            pause = min(self._pause * 2**doublings, self._longest_pause)
            failing.open_until = self._clock() + pause * random.uniform(0.9, 1.1)  # noqa: S311
