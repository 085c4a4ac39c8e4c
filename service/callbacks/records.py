"""Claims callbacks and records how tries went: many in one statement, one of a kind at a time."""

from collections.abc import Sequence
from datetime import timedelta

from service.callbacks.back_off import MAX_TRIES
from service.dispatch import Batcher
from service.settings import Settings
from service.store import BLAMABLE, Deliveries, Delivery, PendingCallback, Try

CLAIM_SLACK = 5.0  # seconds beyond the longest try, before another sender may take it
PACE_SECONDS = 0.025  # between two statements of a kind: under load they are fewer and fuller


class Records:
    """Shares statements between all that are being sent; who is alone waits for nothing."""

    def __init__(self, deliveries: Deliveries, settings: Settings) -> None:
        self._deliveries = deliveries
        self._longest = timedelta(seconds=settings.callback_seconds + CLAIM_SLACK)
        self._given_up = timedelta(hours=settings.callback_hours)
        self._claims = Batcher(self._claim, pace=_pace)
        self._tries = Batcher(self._record, pace=_pace, blamable=BLAMABLE)
        self._deferrals = Batcher(self._defer, pace=_pace)

    async def claim(self, callback: PendingCallback) -> Delivery | None:
        """Take a callback for one try, or None when it was taken."""
        return await self._claims.submit(callback)

    async def record(self, tried: Try) -> None:
        """Record how a try went."""
        await self._tries.submit(tried)

    async def defer(self, callback: PendingCallback, seconds: float) -> None:
        """Leave a callback for later, without a try; one that was deferred for days is given up."""
        await self._deferrals.submit((callback, timedelta(seconds=seconds)))

    async def _claim(self, wanted: Sequence[PendingCallback]) -> Sequence[Delivery | None]:
        taken = await self._deliveries.claim(wanted, self._longest, MAX_TRIES)
        ours = {each.id: each for each in taken}
        return [ours.pop(each.id, None) for each in wanted]  # of one that came twice, once

    async def _record(self, tries: Sequence[Try]) -> Sequence[None]:
        await self._deliveries.record_tries(tries)
        return [None] * len(tries)

    async def _defer(self, deferred: Sequence[tuple[PendingCallback, timedelta]]) -> Sequence[None]:
        callbacks, waits = zip(*deferred, strict=True)
        await self._deliveries.defer(callbacks, waits, self._given_up)
        return [None] * len(deferred)


def _pace() -> float:
    return PACE_SECONDS
