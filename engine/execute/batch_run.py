"""Renders batches: plans the jobs of one source together and yields results in their order."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from engine.cost import predicted_bytes
from engine.errors import DarkroomError, SourceCorrupt
from engine.execute.completing import completed_sources
from engine.execute.executor import Executor
from engine.execute.plan_cache import PLANS
from engine.execute.planning import BatchPlan, Planned, is_animated, merge_group, stills
from engine.execute.renderer import NO_INPUTS, Inputs, Output, Rendering, Stats
from engine.execute.side_by_side import side_by_side
from engine.expand import Resolved
from engine.ir import Measured, Plan
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.schema import Job
from engine.sources import Source, damage_in
from engine.vips import binding, overhearing

Result = tuple[int, Output | DarkroomError]


def render(
    source: Source,
    jobs: Sequence[Job],
    *,
    inputs: Inputs = NO_INPUTS,
    limits: EngineLimits = DEFAULT_LIMITS,
    stats: Stats | None = None,
    wanted: Collection[int] | None = None,
    threads: int = 1,
    admit: Callable[[int, float], None] = lambda _peak, _seconds: None,
) -> Iterator[Result]:
    """Render jobs one after the other; each result is yielded as soon as it is ready.

    `inputs` are the watermarks by key; one that cannot be fetched is given as its error, which
    fails only the jobs that need it. Yields the job's index with its output, or with the
    error that ended this job alone; an error of the source itself is given for every job.

    `wanted` are the indexes of the jobs to render; None means all. How a job is rendered
    depends on the other jobs of its batch, so a batch rendered in parts, with all its jobs
    given each time, comes out byte for byte as if it were rendered at once. So it does with more
    `threads` than one, of which no more are used than the memory limit has room for.

    `admit` is told the bytes of memory and the seconds of one core that all this is predicted to
    take, before any pixel is decoded; what it raises ends the rendering.

    From the first job on that meets damage, all are rendered of images that are completed, if it
    was none.
    """
    wanted = sorted(range(len(jobs)) if wanted is None else wanted)
    try:
        rendering = Rendering(source, inputs, limits, stats if stats is not None else Stats())
    except DarkroomError as error:
        told = error.without_frames()
        yield from ((index, told) for index in wanted)
        return
    run = BatchRun(rendering, jobs, wanted, threads)
    rendering.stats.predicted_seconds += run.schedule.seconds
    admit(run.schedule.peak_bytes, run.schedule.seconds)
    results, looked_at = run.results(), False
    for at, (index, result) in enumerate(results):
        if not looked_at and _met_damage(result):
            looked_at = True
            if whole := completed_sources(source, inputs):
                results.close()
                rendering = Rendering(*whole, limits, rendering.stats)
                run = BatchRun(rendering, jobs, wanted[at:], threads)
                yield from run.results()
                return
        yield index, result


def _met_damage(result: Output | DarkroomError) -> bool:
    return isinstance(result, SourceCorrupt) or (isinstance(result, Output) and result.damaged)


class BatchRun:
    """The jobs of a batch, of which those at `wanted` are rendered.

    Jobs that the header alone decides are planned first. A job that needs pixels is planned when
    it is reached, together with the jobs that measure the same pixels.
    """

    def __init__(
        self, rendering: Rendering, jobs: Sequence[Job], wanted: Sequence[int], threads: int
    ) -> None:
        self.rendering = rendering
        self.jobs = jobs
        self.wanted = wanted
        self.batch = self._plan_batch()
        self.planned = list(self.batch.jobs)
        self.schedule = self.batch.schedule(tuple(wanted), rendering.limits, threads)
        self.threads = self.schedule.threads
        self.executor = Executor(
            self.batch.merged,
            rendering.facts,
            rendering.context.with_threads(self.threads),
            rendering.count_decoding,
        )
        self.executor.done.update(set(range(len(jobs))).difference(wanted))

    def results(self) -> Generator[Result, None, None]:
        """Yield the results in the order of the jobs; an error is a result like another."""
        stats, built = self.rendering.stats, binding.COUNTER.operations
        before = stats.vips_operations
        for index, result in zip(self.wanted, self._in_order(), strict=True):
            stats.vips_operations = before + binding.COUNTER.operations - built
            yield index, result
            self.executor.finish(index)
        if self.threads == 1:
            stats.predicted_bytes += self._predicted_bytes()

    def _predicted_bytes(self) -> int:
        measuring = [
            plan for plan in self.batch.jobs if isinstance(plan, Plan) and _needs_pixels(plan)
        ]
        if not measuring:
            return self.schedule.peak_bytes
        planned = {index: self.planned[index] for index in self.wanted}
        plans = {index: each for index, each in planned.items() if isinstance(each, Plan)}
        return predicted_bytes(plans, self.executor.merged, measuring)

    def _in_order(self) -> Iterator[Output | DarkroomError]:
        if self.threads == 1:
            yield from map(self._result, self.wanted)
            return
        self._prepare()
        with overhearing() as warnings:
            yield from side_by_side(
                self._result,
                self.wanted,
                self.threads,
                failed=lambda result: self._is_doubtful(result, warnings),
                start_over=self._start_over,
            )

    def _prepare(self) -> None:
        """Do what warns of other images than the source before threads mix up what is whose."""
        for index in self.wanted:
            self._resolve_group(index)
            planned = self.planned[index]
            if isinstance(planned, Plan):
                with suppress(DarkroomError):
                    self.rendering.prepare(planned)

    def _is_doubtful(self, result: Output | DarkroomError, warnings: Sequence[str]) -> bool:
        """Tell whether something went wrong, in this job or in any that ran beside it."""
        refused = any(result is planned for planned in self.planned)
        failed = isinstance(result, DarkroomError) and not refused
        return failed or damage_in(self.rendering.facts.format, warnings) is not None

    def _start_over(self) -> None:
        """Forget all that was made, and what became of making it."""
        self.rendering.start_over()
        self.executor.start_over()

    def _result(self, index: int) -> Output | DarkroomError:
        self._resolve_group(index)
        planned = self.planned[index]
        if isinstance(planned, DarkroomError):
            return planned
        try:
            if is_animated(planned):
                return self.rendering.execute(planned)
            return self.rendering.make(self.executor, index, planned)
        except DarkroomError as error:
            return error.without_frames()

    def _resolve_group(self, index: int) -> None:
        """Plan a job that needs pixels and those that may share work with it, and merge them."""
        if not _needs_pixels(self.planned[index]):
            return
        group = self.batch.group_of(index)
        resolved = {other: self._resolve(other) for other in group}
        limits = self.rendering.limits
        self.executor.merged += merge_group(stills(resolved), self.batch.groups, limits)
        for other, planned in resolved.items():
            self.planned[other] = planned

    def _resolve(self, index: int) -> Planned:
        """Plan a job to its end, measuring pixels where it needs them."""
        planned, measured = self.batch.jobs[index], dict[int, Measured]()
        try:
            while isinstance(planned, Plan) and planned.needs_pixels is not None:
                measured[planned.needs_pixels] = self.rendering.measure(planned)
                planned = self._plan(self.jobs[index], measured)
        except DarkroomError as error:
            return error.without_frames()
        return planned

    def _plan(self, job: Job, measured: Mapping[int, Measured]) -> Plan:
        known = self.rendering
        resolved = Resolved(known.resolved.inputs, dict(measured))
        with self._timing_plans():
            return PLANS.job(job, known.facts, known.limits, resolved, known.stats.plans)

    def _plan_batch(self) -> BatchPlan:
        """Plan the batch by the header alone."""
        known = self.rendering
        with self._timing_plans():
            return PLANS.batch(
                self.jobs, known.facts, known.limits, known.resolved, known.stats.plans
            )

    @contextmanager
    def _timing_plans(self) -> Iterator[None]:
        stats = self.rendering.stats
        began = stats.clock()
        yield
        stats.plan_seconds += stats.clock() - began


def _needs_pixels(planned: Planned) -> bool:
    return isinstance(planned, Plan) and planned.needs_pixels is not None
