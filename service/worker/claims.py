"""Claims queued processes for this worker: as many as it has room for, in one statement."""

from collections.abc import Sequence
from datetime import timedelta

from service import failpoints, priorities
from service.dispatch import Dispatch
from service.metrics import Metrics
from service.store import Leases
from service.worker.lease import Lease, clock


class Claims:
    """Claims in the name of one worker."""

    def __init__(self, leases: Leases, worker: str, seconds: float, metrics: Metrics) -> None:
        self._leases = leases
        self._worker = worker
        self._seconds = seconds
        self._metrics = metrics

    async def take(self, dispatches: Sequence[Dispatch]) -> list[Lease]:
        """Claim what of this is still queued, in the order given."""
        failpoints.reach("worker.before_claim")
        asked, seconds = clock(), timedelta(seconds=self._seconds)
        ids = [dispatch.id for dispatch in dispatches]
        claims = {c.id: c for c in await self._leases.claim(ids, self._worker, seconds)}
        failpoints.reach("worker.after_claim")
        for claim in claims.values():
            self._metrics.queue_wait.labels(priorities.NAMES[claim.priority]).observe(claim.waited)
        ours = [claims[id_] for id_ in dict.fromkeys(ids) if id_ in claims]
        return [Lease(claim, asked, self._seconds) for claim in ours]
