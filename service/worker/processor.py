"""Processes one process: claim, fetch, render, publish, record, settle, queue the callback."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

import structlog

from service import failpoints
from service.backends import Backends
from service.errors import Cancelled, DarkroomError, LeaseLost, Quarantined, Stalled
from service.metrics import Metrics
from service.outages import outages
from service.sandbox.protocol import Output
from service.settings import Settings
from service.storage import Storage
from service.store import UNAVAILABLE, Claim, JobResult
from service.tracing import past_span, span
from service.worker.fetcher import Fetcher, Files
from service.worker.heartbeat import Heartbeat
from service.worker.in_place import InPlace
from service.worker.lease import Lease
from service.worker.progress import Progress
from service.worker.publisher import Publisher
from service.worker.recorder import Recorder
from service.worker.rendering import Outcome, Renderer
from service.worker.request import Request, read_request
from service.worker.settlement import Settlement, about

log = structlog.get_logger(__name__)


class Processor:
    """Does the work of one process at a time, any number of them side by side."""

    def __init__(
        self,
        backends: Backends,
        *,
        heartbeat: Heartbeat,
        recorder: Recorder,
        renderer: Renderer,
        settlement: Settlement,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._backends = backends
        self._heartbeat = heartbeat
        self._recorder = recorder
        self._renderer = renderer
        self._settlement = settlement
        self._settings = settings
        self._metrics = metrics
        self._fetcher = Fetcher(settings.max_source_bytes, metrics)
        self._publisher = Publisher(metrics)

    async def work(self, lease: Lease) -> None:
        """Bring a claimed process to an end, or hand it on to a later run."""
        claim, seconds = lease.claim, self._settings.record_seconds
        with (
            span("process", kind="CONSUMER", parent=claim.traceparent, **about(claim)) as trace,
            Progress(lease, self._recorder, seconds, self._heartbeat.lose) as progress,
        ):
            past_span("wait", claim.waited)
            try:
                later = await self._process_under_lease(progress)
                await self._settlement.end(progress, later)
            except LeaseLost:
                log.warning("lease_lost", **about(claim))
                trace.fail("lease lost")
                self._metrics.fenced_writes.inc()
            except asyncio.CancelledError:
                await self._settlement.hand_on(progress, counted=False)
                raise
            except UNAVAILABLE as error:
                log.warning("process_interrupted", error=repr(error), **about(claim))
                await self._settlement.hand_on(progress, counted=True)
            except Exception:
                log.exception("process_broke", **about(claim))
                trace.fail("broke")
                await self._settlement.hand_on(progress, counted=True)

    async def _process_under_lease(self, progress: Progress) -> list[DarkroomError]:
        """Process while the lease is kept alive; gives the transient errors."""
        try:
            async with self._heartbeat.hold(progress.lease):
                return await self._process(progress)
        except Stalled as error:
            if progress.lease.waits_for_child:  # nobody's fault
                return [error]
            return await self._settlement.fail(progress, progress.left, error)
        except Cancelled as error:
            return await self._settlement.fail(progress, progress.left, error)

    async def _process(self, progress: Progress) -> list[DarkroomError]:
        """Do what is left of a process; gives the transient errors."""
        claim = progress.claim
        if not claim.pending:  # all its jobs had ended, only its own end was not recorded
            return []
        try:
            self._refuse(claim)
            request = read_request(claim)
            with self._renderer.reserve():
                async with self._open(progress, request) as (storage, files):
                    return await self._render_and_publish(progress, request, storage, files)
        except (LeaseLost, Cancelled, Stalled):
            raise
        except DarkroomError as error:
            return await self._settlement.fail(progress, progress.left, error)

    @asynccontextmanager
    async def _open(
        self, progress: Progress, request: Request
    ) -> AsyncIterator[tuple[Storage, Files]]:
        """Open a process's storage, and fetch its inputs from there or from the web."""
        claim = progress.claim
        async with self._backends.storages.of(claim.service_id) as storage:
            reader = self._backends.web.beside(storage, claim.service_id)
            on_progress = progress.lease.progress
            async with self._fetcher.fetch(request, claim.pending, reader, on_progress) as files:
                yield storage, files

    async def _render_and_publish(
        self, progress: Progress, request: Request, storage: Storage, files: Files
    ) -> list[DarkroomError]:
        """Render and publish, last what overwrites an input; gives the transient errors."""
        lease, later = progress.lease, list[DarkroomError]()
        await self._renderer.check(progress.claim.service_id, files.source)
        with InPlace(self._backends.store.leases, progress, request) as in_place:
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
        """Give each job's output or error, first of those that have `failed` already."""
        wanted = [position for position in progress.left if position not in failed]
        if failures := [(p, failed[p]) for p in progress.left if p in failed]:
            yield failures
        if not wanted:
            return
        rendering = self._renderer.render(
            progress.claim.service_id, request.raw_jobs, wanted, files,
            progress.lease.wait_for_child,
        )  # fmt: skip
        async with aclosing(rendering) as rendered:
            async for outcomes in rendered:
                yield outcomes

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
            await self._settlement.note(progress, done)
            failpoints.reach("worker.between_jobs")
        later: list[DarkroomError] = []
        for position, error in failed:
            later += await self._settlement.fail(progress, [position], error)
        return later
