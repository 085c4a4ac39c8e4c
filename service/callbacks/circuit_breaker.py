"""A circuit breaker for receivers that do not answer, so that they occupy no slots."""

import random
from collections.abc import Callable
from time import monotonic

from service.callbacks.fair_share import Receiver
from service.settings import Settings

MOST_REMEMBERED = 10_000


class _Failing:
    """How often in a row a receiver has failed, and when it may be tried again."""

    def __init__(self) -> None:
        self.failures = 0
        self.open_until = 0.0


class CircuitBreaker:
    """Opens for a receiver after some failures in a row, then lets one callback through at a time.

    The pause doubles with each one that fails, up to a bound; one that is answered ends it.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = monotonic) -> None:
        self._after = settings.callback_breaker_failures
        self._pause = settings.callback_breaker_seconds
        self._longest_pause = settings.callback_breaker_max_seconds
        self._try_seconds = settings.callback_seconds
        self._clock = clock
        self._failing: dict[Receiver, _Failing] = {}

    @property
    def open(self) -> int:
        """How many receivers are left alone now; may be asked from another thread."""
        now = self._clock()
        return sum(each.open_until > now for each in list(self._failing.values()))

    def pause(self, receiver: Receiver) -> float:
        """Return the seconds for which the receiver is to be left alone, 0 for a try now."""
        failing = self._failing.get(receiver)
        return 0.0 if failing is None else max(0.0, failing.open_until - self._clock())

    def begin(self, receiver: Receiver) -> float:
        """Say that a try begins, unless the receiver is to be left alone for so many seconds.

        The try that ends a pause keeps the circuit open for others for as long as it may take.
        """
        left, failing = self.pause(receiver), self._failing.get(receiver)
        if left == 0 and failing is not None and failing.failures >= self._after:
            failing.open_until = self._clock() + self._try_seconds
        return left

    def succeeded(self, receiver: Receiver) -> None:
        """Note that the receiver answered, whatever it said."""
        self._failing.pop(receiver, None)

    def failed(self, receiver: Receiver) -> None:
        """Note that no answer came."""
        if receiver not in self._failing and len(self._failing) >= MOST_REMEMBERED:
            del self._failing[next(iter(self._failing))]
        failing = self._failing.setdefault(receiver, _Failing())
        failing.failures += 1
        doublings = min(failing.failures - self._after, 32)
        if doublings >= 0:
            pause = min(self._pause * 2**doublings, self._longest_pause)
            failing.open_until = self._clock() + pause * random.uniform(0.9, 1.1)  # noqa: S311
