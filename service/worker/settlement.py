"""Settles processes: records how their jobs and they themselves end, and queues callbacks."""

import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Literal

import structlog

from engine.errors import LimitExceeded
from service import failpoints
from service.dispatch import Dispatch, Dispatcher
from service.errors import (
    DarkroomError,
    LeaseLost,
    Quarantined,
    Stalled,
    StorageUnavailable,
)
from service.ids import trace_id
from service.metrics import Metrics
from service.outages import outages
from service.settings import Settings, setting_of
from service.store import UNAVAILABLE, Claim, End, JobResult
from service.tracing import span
from service.worker.progress import Progress
from service.worker.request import callback_of

LONGEST_BACK_OFF = 60.0

log = structlog.get_logger(__name__)


class Settlement:
    """Decides what is final and what is tried again, and has it recorded."""

    def __init__(self, callbacks: Dispatcher, settings: Settings, metrics: Metrics) -> None:
        self._callbacks = callbacks
        self._settings = settings
        self._metrics = metrics

    async def note(self, progress: Progress, results: Sequence[JobResult]) -> None:
        """Have results recorded, and count them."""
        await progress.add(results)
        for result in results:
            self._metrics.jobs.labels(result.status, result.error_code or "").inc()

    async def fail(
        self, progress: Progress, positions: Sequence[int], error: DarkroomError
    ) -> list[DarkroomError]:
        """Note jobs as failed, unless the error is transient and there are tries left."""
        if error.retryable and progress.claim.errors < self._settings.max_errors:
            return [error]
        await self.note(progress, _failures(positions, error))
        if isinstance(error, Quarantined):
            self._metrics.quarantined.inc(len(positions))
        if isinstance(error, LimitExceeded):
            self._metrics.limits_rejected.labels(setting_of(error.limit)).inc(len(positions))
        return []

    async def end(self, progress: Progress, later: Sequence[DarkroomError]) -> None:
        """Settle, or postpone what is not done; no heartbeat mistakes this for a lost lease."""
        if later:
            claim, wait = progress.claim, back_off(progress.claim.errors)
            if isinstance(later[0], StorageUnavailable):
                outages.failed(f"storage of service {claim.service_id}", later[0].message)
            log.info(
                "postponed", error_code=later[0].code, error=later[0].message,
                seconds=round(wait.total_seconds(), 1),
                **about(claim),
            )  # fmt: skip
            counted = not (progress.lease.waits_for_child and isinstance(later[0], Stalled))
            await self._give_back(progress, wait, counted=counted)
        else:
            await self._settle(progress)

    async def _settle(self, progress: Progress) -> None:
        """End the process and record its callback in one statement, then dispatch it."""
        claim, now = progress.claim, progress.lease.now()
        failures = [r for _, r in sorted(progress.results.items()) if r.status == "FAILED"]
        outcome: Literal["FINISHED", "FAILED"] = "FAILED" if failures else "FINISHED"
        callback = callback_of(claim, outcome, progress.results, now)
        failpoints.reach("worker.before_settle")
        with span("settle", outcome=outcome, failed=len(failures)):
            took = await progress.end(End(status=outcome, updated_at=now, callback=callback))
        failpoints.reach("worker.after_settle")
        code = failures[0].error_code if failures else ""
        self._metrics.completed.labels(outcome, code).inc()
        self._metrics.process_seconds.labels(outcome).observe(took)
        log.info(
            "settled", outcome=outcome, error_code=code or None, seconds=round(took, 3),
            jobs=len(claim.destinations), failed=len(failures), **about(claim),
        )  # fmt: skip
        if callback is not None:
            self._callbacks.dispatch(Dispatch(callback.id, 0, service_id=claim.service_id))

    async def _give_back(self, progress: Progress, after: timedelta, *, counted: bool) -> None:
        now = progress.lease.now()
        await progress.end(
            End(status="QUEUED", updated_at=now, errors=int(counted), due_after=after)
        )

    async def hand_on(self, progress: Progress, *, counted: bool) -> None:
        """Queue the process again; if even that fails, its lease runs out by itself."""
        claim = progress.claim
        with suppress(LeaseLost, *UNAVAILABLE):
            if counted and claim.errors >= self._settings.max_errors:
                await self.note(progress, _failures(progress.left, _Unexpected()))
                await self._settle(progress)
            else:
                wait = back_off(claim.errors) if counted else timedelta(0)
                await self._give_back(progress, wait, counted=counted)


def about(claim: Claim) -> dict[str, int | str | None]:
    """Give the ids that every log line about a process has."""
    return {
        "process_id": claim.id, "service_id": claim.service_id, "attempt": claim.attempt,
        "run": claim.run, "request_id": claim.request_id, "trace_id": trace_id(claim.traceparent),
    }  # fmt: skip


class _Unexpected(DarkroomError):
    """What a client is told of an error that we did not foresee."""

    def __init__(self) -> None:
        super().__init__("Unexpected error on our end")


def _failures(positions: Sequence[int], error: DarkroomError) -> list[JobResult]:
    words = error.message.replace("\0", "")
    return [
        JobResult(position=position, status="FAILED", error_code=error.code, error_message=words)
        for position in positions
    ]


def back_off(errors: int) -> timedelta:
    """Give the wait after so many errors: 1 s, 2 s, 4 s … 60 s, with jitter."""
    wait = min(2.0**errors, LONGEST_BACK_OFF)
    return timedelta(seconds=wait * random.uniform(0.8, 1.2))  # noqa: S311
