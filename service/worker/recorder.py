"""Records the outcomes of processes: many in one statement, one statement at a time."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from service.dispatch import Batcher
from service.errors import LeaseLost
from service.store import BLAMABLE, Entry, Leases


class Recorder:
    """Shares statements; `pace` gives the least seconds between two of them."""

    def __init__(self, leases: Leases, grace: timedelta, pace: Callable[[], float]) -> None:
        self._leases = leases
        self._grace = grace
        self._batcher = Batcher(self._write, pace=pace, blamable=BLAMABLE)

    async def write(self, entry: Entry) -> float:
        """Record an entry; returns the seconds since its process was queued. Raises LeaseLost."""
        return await self._batcher.submit(entry)

    async def _write(self, entries: Sequence[Entry]) -> Sequence[float | Exception]:
        took = await self._leases.record(entries, self._grace)
        return [took.get(entry.claim.id, LeaseLost("no longer ours")) for entry in entries]
