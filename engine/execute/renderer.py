"""Renders jobs: from a source to encoded bytes, by planning, lowering and evaluating."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from msgspec import UNSET, Struct
from msgspec.structs import replace

from engine.batch import MergedPlan, merge_plans
from engine.cost import check_memory, materialisation_budget
from engine.errors import DarkroomError
from engine.execute.damage import DamageFinder
from engine.execute.executor import Executor
from engine.execute.measuring import measure
from engine.expand import NOTHING_RESOLVED, Resolved, expand, measures
from engine.ir import Frame, Measured, Measurement, Node, Plan
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.lower import LoweringContext, lower
from engine.passes import optimise
from engine.schema import Format, Job, Mode, Watermark
from engine.sources import TRAITS, Facts, PartialSource, Source, rights_only
from engine.vips import binding, codecs, images, read_facts


class Output(Struct, frozen=True):
    """A result: its encoded bytes, and what they contain.

    `damaged` tells that the job took what could be read of a damaged image.
    """

    data: bytes
    format: Format
    width: int
    height: int
    frames: int = 1
    damaged: bool = False

    @property
    def content_type(self) -> str:
        """The media type that the bytes are served with."""
        return TRAITS[self.format].content_type


@dataclass
class Stats:
    """What rendering took, added up over the jobs that it is given to.

    `decode_passes` counts how often a source was read from its start, `pixels_decoded` the
    pixels that these readings decode in all, `vips_operations` the libvips operations built.
    `source` is what the header says. `plan_seconds` is the time that planning took by the
    caller's `clock`; the engine has none of its own, so it is 0 without.
    """

    decode_passes: int = 0
    pixels_decoded: int = 0
    vips_operations: int = 0
    source: Facts | None = None
    plan_seconds: float = 0.0
    clock: Callable[[], float] = float


Result = tuple[int, Output | DarkroomError]
Inputs = Mapping[str, Source | DarkroomError]
Groups = Sequence[Sequence[int]]
HEADER_ONLY = ()  # no nodes whose pixels would have to be measured
NO_INPUTS: Inputs = {}


def render(
    source: Source,
    jobs: Sequence[Job],
    *,
    inputs: Inputs = NO_INPUTS,
    limits: EngineLimits = DEFAULT_LIMITS,
    stats: Stats | None = None,
    wanted: Collection[int] | None = None,
) -> Iterator[Result]:
    """Render jobs one after the other; each result is yielded as soon as it is ready.

    `inputs` are the watermarks by key; one that cannot be fetched is given as its error, which
    fails only the jobs that need it. Yields the job's index with its output, or with the
    error that ended this job alone; an error of the source itself is given for every job.

    `wanted` are the indexes of the jobs to render; None means all. How a job is rendered
    depends on the other jobs of its batch, so a batch rendered in parts, with all its jobs
    given each time, comes out byte for byte as if it were rendered at once.
    """
    wanted = sorted(range(len(jobs)) if wanted is None else wanted)
    try:
        rendering = Rendering(source, inputs, limits, stats if stats is not None else Stats())
    except DarkroomError as error:
        yield from ((index, error) for index in wanted)
        return
    yield from rendering.outcomes(jobs, wanted)


def input_keys(jobs: Sequence[Job]) -> list[str]:
    """List the keys of the watermarks that jobs need, each once, in their order."""
    transformations = (each for job in jobs for each in job.transformations)
    return list(dict.fromkeys(each.key for each in transformations if isinstance(each, Watermark)))


def plan(
    job: Job,
    facts: Facts,
    limits: EngineLimits = DEFAULT_LIMITS,
    resolved: Resolved = NOTHING_RESOLVED,
) -> Plan:
    """Give the plan that is executed for a job: expanded, optimised, within the memory limit."""
    expanded = expand(job, facts, limits, resolved)
    planned = optimise(expanded, mode_of(job, limits), verify_each=False)
    check_memory(planned, limits)
    return planned


def sharing_groups(jobs: Sequence[Job], plans: Mapping[int, Plan]) -> Groups:
    """Group the jobs that may share work, by the plans that the header alone allows.

    A job that needs pixels shares with those that measure the same pixels, once; so the groups
    are known before anything is measured, whichever of their jobs are rendered. A
    job that accepts damage decodes in another way than one that does not.
    """
    groups: dict[object, list[int]] = {}
    for index, planned in plans.items():
        measurings = sum(map(measures, jobs[index].transformations))
        alone = _is_animated(planned) or measurings > 1
        measured = HEADER_ONLY if planned.needs_pixels is None else planned.nodes
        key = index if alone else (jobs[index].damaged, measured, planned.measurement)
        groups.setdefault(key, []).append(index)
    return list(groups.values())


def count_materialising(groups: Groups) -> int:
    """Count the groups that may materialise images at the same time, at least 1."""
    return max(1, sum(len(group) > 1 for group in groups))


def mode_of(job: Job, limits: EngineLimits) -> Mode:
    """Give the fidelity that a job is rendered with."""
    return limits.mode if job.mode is UNSET else job.mode


class Rendering:
    """One source while its jobs are rendered: its facts, its inputs, what was measured."""

    def __init__(self, source: Source, inputs: Inputs, limits: EngineLimits, stats: Stats) -> None:
        self.limits = limits
        self.stats = stats
        self.facts = stats.source = read_facts(source, limits)
        self.resolved = Resolved({key: facts_of_input(key, inputs[key], limits) for key in inputs})
        sources = {key: found for key, found in inputs.items() if isinstance(found, Source)}
        self.context = LoweringContext(source, sources)
        self.measured: dict[tuple[tuple[Node, ...], Measurement], Measured] = {}
        self.finder = DamageFinder(self.context, self.facts)

    def outcomes(self, jobs: Sequence[Job], wanted: Sequence[int]) -> Iterator[Result]:
        """Render the wanted jobs in their order; a job's error is a result like another.

        Jobs that the header alone decides are planned first. A job that needs pixels is planned
        when it is reached, together with the jobs that measure the same pixels.
        """
        planned = [self._planned(job, measure=False) for job in jobs]
        plans = {index: each for index, each in enumerate(planned) if isinstance(each, Plan)}
        groups = sharing_groups(jobs, plans)
        executor = Executor((), self.facts, self.context, self._count_decoding)
        executor.done.update(set(range(len(jobs))).difference(wanted))
        for group in groups:
            if plans[group[0]].needs_pixels is None:
                executor.merged += self._merged(jobs, {i: plans[i] for i in group}, groups)
        for index in wanted:
            if _needs_pixels(planned[index]):
                group = next(group for group in groups if index in group)
                resolved = {other: self._planned(jobs[other], measure=True) for other in group}
                executor.merged += self._merged(jobs, resolved, groups)
                for other, each in resolved.items():
                    planned[other] = each
            yield index, self._outcome(index, planned[index], executor)
            executor.finish(index)

    def _planned(self, job: Job, measure: bool) -> Plan | DarkroomError:
        """Plan a whole job or, without `measure`, up to where it needs pixels."""
        measured: dict[int, Measured] = {}
        try:
            while (planned := self._plan(job, measured)).needs_pixels is not None and measure:
                measured[planned.needs_pixels] = self._measure(planned)
        except DarkroomError as error:
            return error
        return planned

    def _plan(self, job: Job, measured: Mapping[int, Measured]) -> Plan:
        began = self.stats.clock()
        planned = plan(job, self.facts, self.limits, Resolved(self.resolved.inputs, measured))
        self.stats.plan_seconds += self.stats.clock() - began
        return planned

    def _measure(self, plan: Plan) -> Measured:
        """Measure what a plan needs, once for all plans that need the same of the same nodes."""
        assert plan.measurement is not None  # noqa: S101 - it needs pixels
        key = plan.nodes, plan.measurement
        if key not in self.measured:
            with self._counting(), self.finder.attributing_errors(plan):
                self.measured[key] = measure(plan.measurement, lambda: self._frames(plan))
        return self.measured[key]

    def _merged(
        self, jobs: Sequence[Job], planned: Mapping[int, Plan | DarkroomError], groups: Groups
    ) -> tuple[MergedPlan, ...]:
        """Merge the plans of one of the groups that share work; animations are left out."""
        began = self.stats.clock()
        plans = {
            index: each
            for index, each in planned.items()
            if isinstance(each, Plan) and not _is_animated(each)
        }
        exact_jobs = {i for i in plans if mode_of(jobs[i], self.limits) is Mode.EXACT}
        budget = materialisation_budget(plans.values(), self.limits) // count_materialising(groups)
        merged = merge_plans(plans, budget, exact_jobs)
        self.stats.plan_seconds += self.stats.clock() - began
        return merged

    def _outcome(
        self, index: int, planned: Plan | DarkroomError, executor: Executor
    ) -> Output | DarkroomError:
        if isinstance(planned, DarkroomError):
            return planned
        try:
            if _is_animated(planned):
                return self.execute(planned)
            with self._counting(), self.finder.attributing_errors(planned) as warnings:
                output = self._encoded(executor.image(index), planned)
            return self._checked(output, planned, [*warnings, *executor.warnings(index)])
        except DarkroomError as error:
            return error

    def execute(self, plan: Plan) -> Output:
        """Lower a plan by itself, evaluate it once and encode the result."""
        with self._counting(), self.finder.attributing_errors(plan) as warnings:
            if _is_animated(plan):
                strip = images.animation(self._frames(plan), self.facts.delays, self.facts.loop)
                output = self._encoded(strip, plan)
                del strip
            else:
                output = self._encoded(next(self._frames(plan)), plan)
        return self._checked(output, plan, warnings)

    def _checked(self, output: Output, plan: Plan, warnings: list[str]) -> Output:
        """Refuse a result of a damaged image, or mark it if the job accepts that."""
        error = self.finder.damage(plan) if self.finder.suspects(plan, warnings) else None
        if error is None:
            return output
        if not plan.tolerant:
            raise error
        return replace(output, damaged=True)

    def _encoded(self, image: binding.Image, plan: Plan) -> Output:
        data = codecs.encode(image, plan.save, self.rights if plan.save.rights else {})
        pages = plan.frame.pages
        return Output(data, plan.save.format, image.width, image.height // pages, pages)

    @cached_property
    def rights(self) -> dict[str, bytes]:
        """The source's artist and copyright, as labels for a result."""
        image = codecs.load(self.context.source, self.facts.format)
        return rights_only(self.context.source, self.facts.format, images.labels_of(image))

    def _frames(self, plan: Plan) -> Iterator[binding.Image]:
        self._count_decoding(plan.frames[0])
        return lower(plan, self.context)

    def _count_decoding(self, frame: Frame) -> None:
        self.stats.decode_passes += 1
        self.stats.pixels_decoded += frame.size.pixels * frame.pages

    @contextmanager
    def _counting(self) -> Iterator[None]:
        before = binding.COUNTER.operations
        try:
            yield
        finally:
            self.stats.vips_operations += binding.COUNTER.operations - before


def _needs_pixels(planned: Plan | DarkroomError) -> bool:
    return isinstance(planned, Plan) and planned.needs_pixels is not None


def _is_animated(plan: Plan) -> bool:
    """Tell whether a plan makes an animation: it is executed alone, frame by frame."""
    return plan.frames[0].pages > 1


def facts_of_input(
    key: str, found: Source | PartialSource | DarkroomError, limits: EngineLimits
) -> Facts | DarkroomError:
    """Read the header of a watermark; its error is raised by the jobs that need it."""
    if isinstance(found, DarkroomError):
        return found
    try:
        with _naming(key):
            return read_facts(found, limits)
    except DarkroomError as error:
        return error


@contextmanager
def _naming(key: str) -> Iterator[None]:
    """Prefix errors with the key of the input that they are about."""
    try:
        yield
    except DarkroomError as error:
        error.args = (f"{key}: {error.message}",)
        raise
