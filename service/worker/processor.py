"""The second story: claim, fetch, render, publish, settle, queue the callback."""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import BinaryIO

import msgspec
import structlog
from msgspec import Raw, Struct

from engine.errors import LimitExceeded
from engine.schema import Job, Key, Limits, parse
from service import failpoints
from service.dispatch import Dispatch, Dispatcher
from service.errors import DarkroomError, LeaseLost, Quarantined
from service.http import CreateProcess, inputs_of, show_process
from service.ids import new_delivery_id
from service.metrics import Metrics
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import Output, Summary, Work
from service.sandbox.setup import engine_limits
from service.settings import Settings, setting_of
from service.storage import Storage, Storages
from service.store import UNAVAILABLE, Claim, Made, NewDelivery, ProcessRow, Store
from service.worker.heartbeat import Heartbeat
from service.worker.isolation import Isolation

PRIORITIES = {-1: "low", 0: "normal", 1: "high"}
LONGEST_BACK_OFF = 60.0
ACCEPTED = Limits(max_jobs=2**31, max_transformations=2**31, max_depth=2**31)

log = structlog.get_logger(__name__)


class Order(Struct, frozen=True, kw_only=True):
    """What was accepted: all its jobs, as read and as spelt, and which are still `pending`."""

    source: Key
    jobs: Sequence[Job]
    spelt: tuple[bytes, ...]
    pending: Sequence[int]


class Files(Struct, frozen=True, kw_only=True):
    """The open source and watermarks; `failed` are the jobs whose watermark is not there."""

    source: BinaryIO
    inputs: Mapping[str, BinaryIO]
    failed: Mapping[int, DarkroomError]


class Processor:
    """Does the work of one process at a time, any number of them side by side."""

    def __init__(
        self,
        *,
        name: str,
        store: Store,
        storages: Storages,
        sandbox: Sandbox,
        heartbeat: Heartbeat,
        callbacks: Dispatcher,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._name = name
        self._leases = store.leases
        self._storages = storages
        self._sandbox = sandbox
        self._heartbeat = heartbeat
        self._callbacks = callbacks
        self._settings = settings
        self._metrics = metrics

    async def work(self, dispatch: Dispatch) -> None:
        """Claim a process and bring it to an end, or hand it on to a later run."""
        failpoints.reach("worker.before_claim")
        claim = await self._claim(dispatch)
        failpoints.reach("worker.after_claim")
        if claim is None:
            return
        try:
            async with self._heartbeat.hold(claim):
                later = await self._process(claim)
            await self._end(claim, later)
        except LeaseLost:
            log.warning("lease_lost", process_id=claim.id, run=claim.run)
            self._metrics.fenced_writes.inc()
        except asyncio.CancelledError:
            await self._hand_on(claim, counted=False)
            raise
        except Exception:
            log.exception("process_broke", process_id=claim.id, run=claim.run)
            await self._hand_on(claim, counted=True)

    async def _process(self, claim: Claim) -> list[DarkroomError]:
        """Do what is left of a process; gives what may pass by itself."""
        if not claim.pending:  # all its jobs had ended, only its own end was not recorded
            return []
        later: list[DarkroomError] = []
        try:
            order = read_order(claim)
            self._refuse_killers(claim)
            async with (
                self._storages.of(claim.service_id) as storage,
                self._fetch(order, storage) as files,
                aclosing(self._render(order, files)) as outcomes,
            ):
                async for position, outcome in outcomes:
                    later += await self._conclude(claim, order, storage, position, outcome)
        except LeaseLost:
            raise
        except DarkroomError as error:
            later += await self._fail(claim, claim.pending, error)
        return later

    async def _end(self, claim: Claim, later: Sequence[DarkroomError]) -> None:
        """Settle, or postpone what is not done; no heartbeat mistakes this for a lost lease."""
        if later:
            await self._postpone(claim, later[0])
        else:
            await self._settle(claim)

    async def _claim(self, dispatch: Dispatch) -> Claim | None:
        lease = timedelta(seconds=self._settings.lease_seconds)
        claim = await self._leases.claim(dispatch.id, self._name, lease)
        if claim is not None:
            self._metrics.queue_wait.labels(PRIORITIES[claim.priority]).observe(claim.waited)
        return claim

    def _refuse_killers(self, claim: Claim) -> None:
        if claim.crashes >= self._settings.max_lost_runs:
            raise Quarantined(f"{claim.crashes} workers were lost while they worked on this")

    @asynccontextmanager
    async def _fetch(self, order: Order, storage: Storage) -> AsyncIterator[Files]:
        """Open the source and every watermark; a missing watermark fails its jobs alone."""
        async with AsyncExitStack() as stack:
            with self._metrics.stage("fetch"):
                source = stack.enter_context(await self._open(storage, order.source))
                inputs: dict[str, BinaryIO] = {}
                missing: dict[Key, DarkroomError] = {}
                for key in {key for job in order.jobs for key in inputs_of(job)}:
                    try:
                        inputs[str(key)] = stack.enter_context(await self._open(storage, key))
                    except DarkroomError as error:
                        missing[key] = error
            failed = {
                position: missing[key]
                for position in order.pending
                for key in inputs_of(order.jobs[position]) & missing.keys()
            }
            failpoints.reach("worker.after_fetch")
            yield Files(source=source, inputs=inputs, failed=failed)

    async def _open(self, storage: Storage, key: Key) -> BinaryIO:
        return await storage.fetch(key, limit=self._settings.max_source_bytes)

    async def _render(
        self, order: Order, files: Files
    ) -> AsyncGenerator[tuple[int, Output | DarkroomError], None]:
        """Give each pending job's output or error, as soon as it is there."""
        for position, error in files.failed.items():
            yield position, error
        wanted = [position for position in order.pending if position not in files.failed]
        if not wanted:
            return

        def work_for(positions: Sequence[int]) -> Work:
            return Work(
                source=files.source,
                inputs=files.inputs,
                jobs=order.spelt,
                wanted=tuple(positions),
                deadline=self._settings.render_seconds,
                limits=engine_limits(self._settings),
            )

        isolation = Isolation(
            self._sandbox,
            work_for,
            max_crashes=self._settings.max_crashes,
            budget=self._settings.process_seconds,
            on_summary=lambda summary: self._observe(summary, files.source, len(wanted)),
        )
        async with aclosing(isolation.render(wanted)) as outcomes:
            async for position, outcome in outcomes:
                yield position, outcome

    async def _conclude(
        self,
        claim: Claim,
        order: Order,
        storage: Storage,
        position: int,
        outcome: Output | DarkroomError,
    ) -> list[DarkroomError]:
        """Publish and record a job, or record its failure; gives what may pass by itself."""
        if isinstance(outcome, DarkroomError):
            return await self._fail(claim, [position], outcome)
        with outcome.file:
            try:
                await self._publish(claim, storage, order.jobs[position].destination, outcome)
            except LeaseLost:
                raise
            except DarkroomError as error:
                return await self._fail(claim, [position], error)
        failpoints.reach("worker.after_put")
        await self._leases.finish_job(claim, position, made(outcome))
        failpoints.reach("worker.between_jobs")
        self._metrics.output_bytes.labels(outcome.format).inc(outcome.size)
        return []

    async def _publish(self, claim: Claim, storage: Storage, key: Key, output: Output) -> None:
        with self._metrics.stage("store"):
            await self._leases.check(claim)
            failpoints.reach("worker.before_put")
            await storage.publish(key, output.file, content_type=output.content_type)

    async def _fail(
        self, claim: Claim, positions: Sequence[int], error: DarkroomError
    ) -> list[DarkroomError]:
        """Record jobs as failed, unless the error may pass and there are tries left."""
        if error.retryable and claim.errors < self._settings.max_errors:
            return [error]
        await self._leases.fail_jobs(claim, positions, error)
        if isinstance(error, Quarantined):
            self._metrics.quarantined.inc(len(positions))
        if isinstance(error, LimitExceeded):
            self._metrics.limits_rejected.labels(setting_of(error.limit)).inc(len(positions))
        return []

    async def _postpone(self, claim: Claim, error: DarkroomError) -> None:
        wait = back_off(claim.errors)
        log.warning("postponed", process_id=claim.id, error=error.message, seconds=wait)
        await self._leases.give_back(claim, after=wait, counted=True)

    async def _settle(self, claim: Claim) -> None:
        """End the process and record its callback in one transaction, then dispatch it."""
        grace = timedelta(seconds=self._settings.dispatch_grace_seconds)
        failpoints.reach("worker.before_settle")
        settled = await self._leases.settle(claim, partial(make_delivery, claim), grace)
        failpoints.reach("worker.after_settle")
        outcome = settled.process.status
        code = next((job.error_code for job in settled.process.jobs if job.error_code), "")
        self._metrics.completed.labels(outcome, code).inc()
        self._metrics.process_seconds.labels(outcome).observe(settled.took)
        log.info("settled", process_id=claim.id, outcome=outcome, seconds=round(settled.took, 3))
        if settled.delivery is not None:
            self._callbacks.dispatch(Dispatch(settled.delivery.id, 0, queued=settled.ended))

    async def _hand_on(self, claim: Claim, *, counted: bool) -> None:
        """Queue the process again; if even that fails, its lease runs out by itself."""
        wait = back_off(claim.errors) if counted else timedelta(0)
        with suppress(LeaseLost, *UNAVAILABLE):
            if counted and claim.errors >= self._settings.max_errors:
                await self._leases.fail_jobs(claim, claim.pending, _Unexpected())
                await self._settle(claim)
            else:
                await self._leases.give_back(claim, after=wait, counted=counted)

    def _observe(self, summary: Summary, source: BinaryIO, outputs: int) -> None:
        kind = summary.source_format
        self._metrics.source_bytes.labels(kind).inc(os.fstat(source.fileno()).st_size)
        self._metrics.stage_seconds.labels("plan").observe(summary.plan_seconds)
        self._metrics.plan_cache.labels("hit").inc(summary.plans_reused)
        self._metrics.plan_cache.labels("miss").inc(summary.plans_made)
        self._metrics.stage_seconds.labels("render").observe(summary.render_seconds)
        self._metrics.source_pixels.labels(kind).inc(summary.pixels_decoded)
        self._metrics.decode_passes.labels(kind).inc(summary.decode_passes)
        self._metrics.child_memory.observe(summary.peak_memory_bytes)
        if summary.decode_passes:
            self._metrics.outputs_per_decode.observe(outputs / summary.decode_passes)


class _Unexpected(DarkroomError):
    """What a client is told of an error that we did not foresee."""

    def __init__(self) -> None:
        super().__init__("Unexpected error on our end")


class _Spelling(Struct):
    """A request as it was written, as far as it needs no understanding."""

    jobs: list[Raw]
    callback: str | None = None


def read_order(claim: Claim) -> Order:
    """Read again what was accepted.

    Jobs that are done are read too: what the others are made from depends on them.
    """
    request = parse(claim.request.encode(), CreateProcess, ACCEPTED)
    spelt = msgspec.json.decode(claim.request, type=_Spelling).jobs
    return Order(
        source=request.source,
        jobs=request.jobs,
        spelt=tuple(map(bytes, spelt)),
        pending=claim.pending,
    )


def made(output: Output) -> Made:
    """Give what is recorded of an output."""
    return Made(
        format=output.format,
        width=output.width,
        height=output.height,
        bytes=output.size,
        sha256=output.sha256,
        damaged=output.damaged or None,
        milliseconds=round(output.milliseconds),
    )


def make_delivery(claim: Claim, process: ProcessRow) -> NewDelivery | None:
    """Make the callback of a process that has ended: its status, as a client would see it."""
    url = msgspec.json.decode(claim.request, type=_Spelling).callback
    if url is None:
        return None
    status = msgspec.structs.replace(show_process(process), callbacks=[])
    return NewDelivery(
        id=new_delivery_id(),
        process_id=claim.id,
        attempt=claim.attempt,
        url=url,
        body=msgspec.json.encode(status),
        traceparent=claim.traceparent,
    )


def back_off(errors: int) -> timedelta:
    """Give the wait after so many errors: 1 s, 2 s, 4 s … 60 s, with jitter."""
    wait = min(2.0**errors, LONGEST_BACK_OFF)
    return timedelta(seconds=wait * random.uniform(0.8, 1.2))  # noqa: S311
