"""Plans batches from the header alone: each job, then all jobs together."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from engine.batch import MergedPlan, merge_plans
from engine.cost import (
    check_memory,
    materialisation_budget,
    peak_of_batch,
    seconds_of_batch,
    threads_within,
)
from engine.errors import DarkroomError
from engine.expand import NOTHING_RESOLVED, Resolved, expand, measures, mode_of
from engine.ir import Measured, Plan
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.passes import optimise
from engine.schema import Job
from engine.sources import Facts

Planned = Plan | DarkroomError
Groups = tuple[tuple[int, ...], ...]
HEADER_ONLY = ()  # no nodes whose pixels would have to be measured
MOST_SCHEDULES = 8  # of one batch that are remembered


class Schedule(Struct, frozen=True):
    """How many threads a batch is rendered with, and what it then takes.

    `peak_bytes` is memory at its peak, `seconds` the time of one core.
    """

    threads: int
    peak_bytes: int
    seconds: float


class BatchPlan(Struct, frozen=True, dict=True):
    """The plans of a batch by the indexes of its jobs, as far as the header decides them.

    `groups` are the jobs that may share work, `merged` the merged plans of the group that needs
    no pixels. Of the other jobs, `assumed` are all plans that are expected to be executed.
    """

    jobs: tuple[Planned, ...]
    groups: Groups
    merged: tuple[MergedPlan, ...]
    assumed: Mapping[int, tuple[Plan, ...]]

    def group_of(self, job: int) -> tuple[int, ...]:
        """Give the jobs that a job may share work with, and itself."""
        return next(group for group in self.groups if job in group)

    def schedule(self, wanted: tuple[int, ...], limits: EngineLimits, threads: int) -> Schedule:
        """Give how these jobs are rendered with so many threads at most, predicted once."""
        key = wanted, limits, threads
        known = self._schedules
        if key not in known:
            if len(known) >= MOST_SCHEDULES:
                known.clear()
            known[key] = self._schedule(*key)
        return known[key]

    def _schedule(self, wanted: tuple[int, ...], limits: EngineLimits, threads: int) -> Schedule:
        planned = {index: self.jobs[index] for index in wanted}
        plans = {index: each for index, each in planned.items() if isinstance(each, Plan)}
        used = threads_within(plans.values(), self.merged, limits, threads)
        return Schedule(used, peak_of_batch(plans, self.merged, used), self._seconds(plans))

    def _seconds(self, plans: Mapping[int, Plan]) -> float:
        known = {index: each for index, each in plans.items() if index not in self.assumed}
        assumed = [each for index in plans for each in self.assumed.get(index, ())]
        once = {each.measuring_key: each for each in assumed if each.measurement}
        others = [each for each in assumed if each.measurement is None]
        return seconds_of_batch(known, self.merged, [*once.values(), *others])

    @cached_property
    def _schedules(self) -> dict[tuple[tuple[int, ...], EngineLimits, int], Schedule]:
        return {}


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


def plan_batch(
    jobs: Sequence[Job], facts: Facts, limits: EngineLimits, resolved: Resolved
) -> BatchPlan:
    """Plan all jobs of a batch, each up to where it needs pixels."""
    planned = tuple(_plan_or_error(job, facts, limits, resolved) for job in jobs)
    plans = {index: each for index, each in enumerate(planned) if isinstance(each, Plan)}
    groups = sharing_groups(jobs, plans)
    merged: tuple[MergedPlan, ...] = ()
    for group in groups:
        if plans[group[0]].needs_pixels is None:
            merged += merge_group(stills({index: plans[index] for index in group}), groups, limits)
    assumed = {
        index: _assumed_plans(jobs[index], facts, limits, resolved)
        for index, plan in plans.items()
        if plan.needs_pixels is not None
    }
    return BatchPlan(planned, groups, merged, assumed)


def _plan_or_error(job: Job, facts: Facts, limits: EngineLimits, resolved: Resolved) -> Planned:
    try:
        return plan(job, facts, limits, resolved)
    except DarkroomError as error:
        return error


def assume(
    job: Job, facts: Facts, limits: EngineLimits, resolved: Resolved
) -> tuple[Resolved, list[Plan]]:
    """Resolve a job by what its measurements assume where pixels would have to be measured.

    Gives the plans that measure, too.
    """
    measured, measuring = dict[int, Measured](), list[Plan]()
    resolved = Resolved(resolved.inputs, measured)
    while (planned := plan(job, facts, limits, resolved)).needs_pixels is not None:
        assert planned.measurement is not None  # noqa: S101 - it needs pixels
        measured[planned.needs_pixels] = planned.measurement.assumed(planned.frame.size)
        measuring.append(planned)
    return resolved, measuring


def _assumed_plans(
    job: Job, facts: Facts, limits: EngineLimits, resolved: Resolved
) -> tuple[Plan, ...]:
    """Give the plans that a job which needs pixels is expected to execute, none if it fails."""
    try:
        assumed, measuring = assume(job, facts, limits, resolved)
        return (*measuring, plan(job, facts, limits, assumed))
    except DarkroomError:
        return ()


def sharing_groups(jobs: Sequence[Job], plans: Mapping[int, Plan]) -> Groups:
    """Group the jobs that may share work, by the plans that the header alone allows.

    A job that needs pixels shares with those that measure the same pixels, once; so the groups
    are known before anything is measured, whichever of their jobs are rendered. A
    job that accepts damage decodes in another way than one that does not.
    """
    groups: dict[object, list[int]] = {}
    for index, planned in plans.items():
        measurings = sum(map(measures, jobs[index].transformations))
        alone = is_animated(planned) or measurings > 1
        measured = HEADER_ONLY if planned.needs_pixels is None else planned.nodes
        key = index if alone else (jobs[index].damaged, measured, planned.measurement)
        groups.setdefault(key, []).append(index)
    return tuple(map(tuple, groups.values()))


def merge_group(
    plans: Mapping[int, Plan], groups: Groups, limits: EngineLimits
) -> tuple[MergedPlan, ...]:
    """Merge the plans of one of the groups that share work.

    The groups that may materialise images at the same time have the same share of the budget.
    """
    materialising = max(1, sum(len(group) > 1 for group in groups))
    return merge_plans(plans, materialisation_budget(plans.values(), limits) // materialising)


def stills(planned: Mapping[int, Planned]) -> dict[int, Plan]:
    """Give the plans of those that were not refused and make no animation."""
    plans = {index: each for index, each in planned.items() if isinstance(each, Plan)}
    return {index: each for index, each in plans.items() if not is_animated(each)}


def is_animated(plan: Plan) -> bool:
    """Tell whether a plan makes an animation: it is executed alone, frame by frame."""
    return plan.frames[0].pages > 1
