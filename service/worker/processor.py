"""Processes one process: claim, fetch, render, publish, record, settle, queue the callback."""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import BinaryIO, Literal

import structlog

from engine.errors import LimitExceeded
from engine.sources import SourceFormat
from service import failpoints
from service.dispatch import Dispatch, Dispatcher
from service.errors import (
    Cancelled,
    DarkroomError,
    LeaseLost,
    Quarantined,
    Stalled,
    StorageUnavailable,
)
from service.ids import trace_id
from service.metrics import Metrics
from service.outages import outages
from service.outbound import WebSources
from service.quarantine import SourceQuarantine
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import Output, Summary, Work
from service.sandbox.setup import engine_limits, owner_of
from service.settings import Settings, setting_of
from service.storage import Storage, Storages
from service.store import UNAVAILABLE, Claim, End, JobResult, Leases
from service.tracing import past_span, span
from service.worker.appetite import Appetite
from service.worker.fetcher import Fetcher, Files
from service.worker.heartbeat import Heartbeat
from service.worker.isolation import Isolation, Outcome
from service.worker.lease import Lease
from service.worker.publisher import Publisher
from service.worker.recorder import Progress, Recorder
from service.worker.request import Request, callback_of, read_request
from service.worker.safeguards import InPlace

LONGEST_BACK_OFF = 60.0
FORMATS = frozenset(each.value for each in SourceFormat)

log = structlog.get_logger(__name__)


class Processor:
    """Does the work of one process at a time, any number of them side by side."""

    def __init__(
        self,
        *,
        leases: Leases,
        quarantine: SourceQuarantine,
        storages: Storages,
        web: WebSources,
        sandbox: Sandbox,
        heartbeat: Heartbeat,
        recorder: Recorder,
        appetite: Appetite,
        callbacks: Dispatcher,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._leases = leases
        self._quarantine = quarantine
        self._storages = storages
        self._web = web
        self._sandbox = sandbox
        self._heartbeat = heartbeat
        self._recorder = recorder
        self._appetite = appetite
        self._callbacks = callbacks
        self._settings = settings
        self._metrics = metrics
        self._fetcher = Fetcher(settings.max_source_bytes, metrics)
        self._publisher = Publisher(metrics)
        self._limits = engine_limits(settings, sandbox.memory)

    async def work(self, lease: Lease) -> None:
        """Bring a claimed process to an end, or hand it on to a later run."""
        claim, seconds = lease.claim, self._settings.record_seconds
        with (
            span("process", kind="CONSUMER", parent=claim.traceparent, **_about(claim)) as trace,
            Progress(lease, self._recorder, seconds, self._heartbeat.lose) as progress,
        ):
            past_span("wait", claim.waited)
            try:
                later = await self._hold(progress)
                await self._end(progress, later)
            except LeaseLost:
                log.warning("lease_lost", **_about(claim))
                trace.fail("lease lost")
                self._metrics.fenced_writes.inc()
            except asyncio.CancelledError:
                await self._hand_on(progress, counted=False)
                raise
            except UNAVAILABLE as error:
                log.warning("process_interrupted", error=repr(error), **_about(claim))
                await self._hand_on(progress, counted=True)
            except Exception:
                log.exception("process_broke", **_about(claim))
                trace.fail("broke")
                await self._hand_on(progress, counted=True)

    async def _hold(self, progress: Progress) -> list[DarkroomError]:
        """Process under a lease that is kept alive; gives the transient errors."""
        try:
            async with self._heartbeat.hold(progress.lease):
                return await self._process(progress)
        except Stalled as error:
            if progress.lease.waits_for_child:  # nobody's fault
                return [error]
            return await self._fail(progress, progress.left, error)
        except Cancelled as error:
            return await self._fail(progress, progress.left, error)

    async def _process(self, progress: Progress) -> list[DarkroomError]:
        """Do what is left of a process; gives the transient errors."""
        claim = progress.claim
        if not claim.pending:  # all its jobs had ended, only its own end was not recorded
            return []
        try:
            self._refuse(claim)
            request = read_request(claim)
            with self._appetite.rendering():
                async with (
                    self._storages.of(claim.service_id) as storage,
                    self._fetcher.fetch(
                        request,
                        claim.pending,
                        self._web.beside(storage, claim.service_id),
                        progress.lease.progress,
                    ) as files,
                ):
                    return await self._make(progress, request, storage, files)
        except (LeaseLost, Cancelled, Stalled):
            raise
        except DarkroomError as error:
            return await self._fail(progress, progress.left, error)

    async def _make(
        self, progress: Progress, request: Request, storage: Storage, files: Files
    ) -> list[DarkroomError]:
        """Render and publish, last what overwrites an input; gives the transient errors."""
        lease, later = progress.lease, list[DarkroomError]()
        await self._quarantine.check(progress.claim.service_id, files.source)
        with InPlace(self._leases, progress, request) as in_place:
            await in_place.compare({str(request.source): files.source, **files.inputs})
            failed = {**files.failed, **in_place.changed(progress.left)}
            async with aclosing(self._render(progress, request, files, failed)) as rendered:
                async for outcomes in rendered:
                    lease.progress()
                    others = in_place.hold_back(outcomes)
                    with self._heartbeat.finishing(lease):
                        later += await self._conclude(progress, request, storage, others)
            if in_place.held and not later:  # else another run begins from the input
                with self._heartbeat.finishing(lease):
                    held = await in_place.announce()
                    later += await self._conclude(progress, request, storage, held)
                failpoints.reach("worker.after_overwrite")
        return later

    def _refuse(self, claim: Claim) -> None:
        """Raise what forbids to work on a process at all."""
        if claim.cancel_requested:
            raise Cancelled
        if claim.crashes >= self._settings.max_lost_runs:
            raise Quarantined(f"{claim.crashes} workers were lost while they worked on this")

    async def _render(
        self,
        progress: Progress,
        request: Request,
        files: Files,
        failed: Mapping[int, DarkroomError],
    ) -> AsyncGenerator[Sequence[tuple[int, Outcome]], None]:
        """Give each job's output or error, those that are there together in one go."""
        wanted = [position for position in progress.left if position not in failed]
        if failures := [(p, failed[p]) for p in progress.left if p in failed]:
            yield failures
        if not wanted:
            return

        def work_for(positions: Sequence[int]) -> Work:
            return Work(
                owner=owner_of(progress.claim.service_id, self._settings),
                source=files.source,
                inputs=files.inputs,
                jobs=request.raw_jobs,
                wanted=tuple(positions),
                deadline=self._settings.render_seconds,
                limits=self._limits,
                threads=self._appetite.threads,
            )

        isolation = Isolation(
            self._sandbox,
            work_for,
            max_crashes=self._settings.max_crashes,
            budget=self._settings.process_seconds,
            on_waiting=progress.lease.wait_for_child,
            on_summary=lambda summary: self._observe(
                summary, progress.claim.service_id, files.source, len(wanted)
            ),
        )
        made = False
        async with aclosing(isolation.render(wanted)) as rendered:
            async for outcomes in rendered:
                made = made or any(isinstance(outcome, Output) for _, outcome in outcomes)
                yield outcomes
        if isolation.crashes and not made:
            await self._quarantine.note(progress.claim.service_id, files.source, isolation.crashes)

    async def _conclude(
        self,
        progress: Progress,
        request: Request,
        storage: Storage,
        outcomes: Sequence[tuple[int, Outcome]],
    ) -> list[DarkroomError]:
        """Publish outputs and note all results; gives the transient errors."""
        outputs = [
            (position, request.jobs[position], outcome)
            for position, outcome in outcomes
            if isinstance(outcome, Output)
        ]
        failed = [(p, error) for p, error in outcomes if isinstance(error, DarkroomError)]
        if outputs:
            published = await self._publisher.publish(progress.lease, storage, outputs)
            done = [result for result in published if isinstance(result, JobResult)]
            failed += [
                (position, error)
                for (position, _, _), error in zip(outputs, published, strict=True)
                if isinstance(error, DarkroomError)
            ]
            if done:
                outages.worked(f"storage of service {progress.claim.service_id}")
            await self._note(progress, done)
            failpoints.reach("worker.between_jobs")
        later: list[DarkroomError] = []
        for position, error in failed:
            later += await self._fail(progress, [position], error)
        return later

    async def _fail(
        self, progress: Progress, positions: Sequence[int], error: DarkroomError
    ) -> list[DarkroomError]:
        """Note jobs as failed, unless the error is transient and there are tries left."""
        if error.retryable and progress.claim.errors < self._settings.max_errors:
            return [error]
        await self._note(progress, _failures(positions, error))
        if isinstance(error, Quarantined):
            self._metrics.quarantined.inc(len(positions))
        if isinstance(error, LimitExceeded):
            self._metrics.limits_rejected.labels(setting_of(error.limit)).inc(len(positions))
        return []

    async def _note(self, progress: Progress, results: Sequence[JobResult]) -> None:
        """Have results recorded, and count them."""
        await progress.add(results)
        for result in results:
            self._metrics.jobs.labels(result.status, result.error_code or "").inc()

    async def _end(self, progress: Progress, later: Sequence[DarkroomError]) -> None:
        """Settle, or postpone what is not done; no heartbeat mistakes this for a lost lease."""
        if later:
            claim, wait = progress.claim, back_off(progress.claim.errors)
            if isinstance(later[0], StorageUnavailable):
                outages.failed(f"storage of service {claim.service_id}", later[0].message)
            log.info(
                "postponed", error_code=later[0].code, error=later[0].message,
                seconds=round(wait.total_seconds(), 1),
                **_about(claim),
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
            jobs=len(claim.destinations), failed=len(failures), **_about(claim),
        )  # fmt: skip
        if callback is not None:
            self._callbacks.dispatch(Dispatch(callback.id, 0, lane=claim.service_id))

    async def _give_back(self, progress: Progress, after: timedelta, *, counted: bool) -> None:
        now = progress.lease.now()
        await progress.end(
            End(status="QUEUED", updated_at=now, errors=int(counted), due_after=after)
        )

    async def _hand_on(self, progress: Progress, *, counted: bool) -> None:
        """Queue the process again; if even that fails, its lease runs out by itself."""
        claim = progress.claim
        with suppress(LeaseLost, *UNAVAILABLE):
            if counted and claim.errors >= self._settings.max_errors:
                await self._note(progress, _failures(progress.left, _Unexpected()))
                await self._settle(progress)
            else:
                wait = back_off(claim.errors) if counted else timedelta(0)
                await self._give_back(progress, wait, counted=counted)

    def _observe(self, summary: Summary, service_id: int, source: BinaryIO, outputs: int) -> None:
        # a child may say anything: only what we know becomes a label
        kind = summary.source_format if summary.source_format in FORMATS else "unknown"
        self._appetite.note(summary.render_seconds)
        self._metrics.source_bytes.labels(kind).inc(os.fstat(source.fileno()).st_size)
        self._metrics.stage_seconds.labels("plan").observe(summary.plan_seconds)
        self._metrics.looked_up("plans", hits=summary.plans_reused, misses=summary.plans_made)
        self._metrics.stage_seconds.labels("render").observe(summary.render_seconds)
        past_span(
            "render", summary.render_seconds, results=outputs, decode_passes=summary.decode_passes,
            pixels_decoded=summary.pixels_decoded, peak_memory_bytes=summary.peak_memory_bytes,
        )  # fmt: skip
        self._metrics.source_pixels.labels(kind).inc(summary.pixels_decoded)
        self._metrics.decode_passes.labels(kind).inc(summary.decode_passes)
        self._metrics.child_memory.observe(summary.peak_memory_bytes)
        self._metrics.memory(summary.used_memory_bytes, summary.predicted_memory_bytes)
        self._metrics.service_rendered(service_id, summary.render_seconds)
        if summary.decode_passes:
            self._metrics.outputs_per_decode.observe(outputs / summary.decode_passes)


def _about(claim: Claim) -> dict[str, int | str | None]:
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
