"""Explains a batch from its source's header alone."""

from collections.abc import Sequence

from engine.batch import MergedPlan
from engine.cost import cost_of, cost_of_batch, total_cost
from engine.errors import DarkroomError
from engine.execute import (
    NO_INPUTS,
    Inputs,
    assume,
    facts_of_input,
    merge_group,
    sharing_groups,
)
from engine.expand import NOTHING_RESOLVED, Resolved, expand, mode_of
from engine.explain.explanation import Explanation, JobExplanation, Refusal, Stage, Step
from engine.explain.tree import tree_of
from engine.ir import Measurement, Node, Plan, lines
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.passes import optimise
from engine.schema import Job
from engine.sources import Facts, Source
from engine.vips import read_facts


def explain(
    source: Source,
    jobs: Sequence[Job],
    *,
    inputs: Inputs = NO_INPUTS,
    limits: EngineLimits = DEFAULT_LIMITS,
) -> Explanation:
    """Plan every job without executing it; raises what `read_facts` raises.

    Jobs whose watermark is not among `inputs` are refused, as they would fail.
    """
    facts = read_facts(source, limits)
    resolved = Resolved({key: facts_of_input(key, inputs[key], limits) for key in inputs})
    return explain_facts(facts, jobs, resolved, limits)


def explain_facts(
    facts: Facts,
    jobs: Sequence[Job],
    resolved: Resolved = NOTHING_RESOLVED,
    limits: EngineLimits = DEFAULT_LIMITS,
) -> Explanation:
    """Explain what would be done with a source of which only the facts are known."""
    explained: list[JobExplanation] = []
    plans: dict[int, Plan] = {}
    header_plans: dict[int, Plan] = {}
    measuring_plans: dict[tuple[tuple[Node, ...], Measurement | None], Plan] = {}
    for index, job in enumerate(jobs):
        explanation, planned, measuring = _explain_job(job, facts, limits, resolved)
        explained.append(explanation)
        measuring_plans |= {each.measuring_key: each for each in measuring}
        if planned is not None:
            plans[index] = planned
            header_plans[index] = measuring[0] if measuring else planned
    groups = sharing_groups(jobs, header_plans)
    merged: list[MergedPlan] = []
    for group in groups:
        members = {index: plans[index] for index in group}
        merged += merge_group(members, groups, limits)
    cost = cost_of_batch(plans, merged, measuring_plans.values())
    return Explanation(facts, tuple(explained), tuple(map(tree_of, merged)), cost)


def _explain_job(
    job: Job, facts: Facts, limits: EngineLimits, resolved: Resolved
) -> tuple[JobExplanation, Plan | None, list[Plan]]:
    """Explain a job by itself; returns its plan and the plans that measure pixels before, too."""
    try:
        resolved, measuring = assume(job, facts, limits, resolved)
        expanded = expand(job, facts, limits, resolved)
    except DarkroomError as error:
        refusal = Refusal(error.code, error.message)
        return JobExplanation(job.destination.written, refusal=refusal), None, []
    stages = [_stage("expand", expanded)]

    def observe(name: str, before: Plan, after: Plan) -> None:
        if after is not before:
            stages.append(_stage(name, after))

    planned = optimise(expanded, mode_of(job, limits), observer=observe)
    explanation = JobExplanation(
        job.destination.written,
        str(expanded.save),
        tuple(stages),
        tuple(_assumption(job, each) for each in measuring),
        total_cost(map(cost_of, [*measuring, planned])),
    )
    return explanation, planned, measuring


def _assumption(job: Job, plan: Plan) -> str:
    assert plan.measurement is not None and plan.needs_pixels is not None  # noqa: S101, PT018
    kind = type(job.transformations[plan.needs_pixels]).__name__.lower()
    return f"transformations[{plan.needs_pixels}] ({kind}) {plan.measurement.assumption}"


def _stage(name: str, plan: Plan) -> Stage:
    return Stage(name, tuple(map(Step, lines(plan), plan.frames)))
