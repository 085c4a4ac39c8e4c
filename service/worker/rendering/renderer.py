"""Renders the jobs of one process, measures that, and quarantines a source that kills children."""

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import BinaryIO

from engine.sources import SourceFormat
from service.dispatch import Rates
from service.metrics import Metrics
from service.quarantine import SourceQuarantine
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import Output, Summary, Work
from service.sandbox.setup import engine_limits
from service.settings import Settings
from service.tracing import past_span
from service.worker.fetcher import Files
from service.worker.rendering.isolation import Isolation, Outcome
from service.worker.rendering.prefetch import Prefetch

FORMATS = frozenset(each.value for each in SourceFormat)


class Renderer:
    """Renders with the children of one worker, for any number of processes side by side."""

    def __init__(
        self,
        sandbox: Sandbox,
        prefetch: Prefetch,
        quarantine: SourceQuarantine,
        *,
        rates: Rates,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._sandbox = sandbox
        self._prefetch = prefetch
        self._quarantine = quarantine
        self._rates = rates
        self._settings = settings
        self._metrics = metrics
        self._limits = engine_limits(settings, sandbox.budget)

    def reserve(self) -> AbstractContextManager[None]:
        """Count a process that needs a child, from its fetch to its last result."""
        return self._prefetch.rendering()

    async def check(self, service_id: int, source: BinaryIO) -> None:
        """Raise Quarantined for a source that has killed too many children."""
        await self._quarantine.check(service_id, source)

    async def render(
        self,
        service_id: int,
        jobs: tuple[bytes, ...],
        positions: Sequence[int],
        files: Files,
        on_waiting: Callable[[bool], None],
    ) -> AsyncGenerator[Sequence[tuple[int, Outcome]], None]:
        """Give the outcome of each job at these positions, those that are there in one go.

        `jobs` are all of the process, as JSON. `on_waiting` is called with whether it waits for
        a child.
        """
        isolation = self._isolation(service_id, jobs, positions, files, on_waiting)
        made = False
        try:
            async with aclosing(isolation.render(positions)) as rendered:
                async for outcomes in rendered:
                    made = made or any(isinstance(outcome, Output) for _, outcome in outcomes)
                    yield outcomes
        finally:  # what crashed or hung has cost its time, too
            if isolation.seconds:
                self._rates.note(service_id, isolation.seconds, len(positions))
        if isolation.crashes and not made:
            await self._quarantine.note(service_id, files.source, isolation.crashes)

    def _isolation(
        self,
        service_id: int,
        jobs: tuple[bytes, ...],
        positions: Sequence[int],
        files: Files,
        on_waiting: Callable[[bool], None],
    ) -> Isolation:
        def work_for(group: Sequence[int]) -> Work:
            return Work(
                owner=str(service_id),
                source=files.source,
                inputs=files.inputs,
                jobs=jobs,
                wanted=tuple(group),
                deadline=self._settings.render_seconds,
                limits=self._limits,
                threads=self._prefetch.threads,
            )

        def observe(summary: Summary) -> None:
            self._prefetch.note(summary.render_seconds)
            self._metrics.service_rendered(service_id, summary.render_seconds)
            _observe(self._metrics, summary, files.source, len(positions))

        return Isolation(
            self._sandbox,
            work_for,
            max_crashes=self._settings.max_crashes,
            budget=self._settings.process_seconds,
            on_waiting=on_waiting,
            on_summary=observe,
        )


def _observe(metrics: Metrics, summary: Summary, source: BinaryIO, outputs: int) -> None:
    # a child may say anything: only what we know becomes a label
    kind = summary.source_format if summary.source_format in FORMATS else "unknown"
    metrics.source_bytes.labels(kind).inc(os.fstat(source.fileno()).st_size)
    metrics.stage_seconds.labels("plan").observe(summary.plan_seconds)
    metrics.looked_up("plans", hits=summary.plans_reused, misses=summary.plans_made)
    metrics.stage_seconds.labels("render").observe(summary.render_seconds)
    past_span(
        "render", summary.render_seconds, results=outputs, decode_passes=summary.decode_passes,
        pixels_decoded=summary.pixels_decoded, peak_memory_bytes=summary.peak_memory_bytes,
    )  # fmt: skip
    metrics.source_pixels.labels(kind).inc(summary.pixels_decoded)
    metrics.decode_passes.labels(kind).inc(summary.decode_passes)
    metrics.child_memory.observe(summary.peak_memory_bytes)
    metrics.memory(summary.used_memory_bytes, summary.predicted_memory_bytes)
    metrics.seconds(summary.used_seconds, summary.predicted_seconds)
    if summary.decode_passes:
        metrics.outputs_per_decode.observe(outputs / summary.decode_passes)
