"""What the engine will do and why: the plan before and after each pass, and what is shared.

Only the source's header is read. The explanation is data (msgspec encodes it as JSON)
that is also worth reading as text.
"""

from collections.abc import Sequence

from msgspec import Struct

from engine.batch import Branch, share
from engine.cost import Cost, cost_of, cost_of_batch, room_to_hold, sum_of
from engine.errors import DarkroomError
from engine.execute import NO_INPUTS, Inputs, facts_of_input, kin, mode_of, plan, those_that_hold
from engine.expand import NOTHING_MORE, Known, expand
from engine.explain.tree import TreeBranch, shown, tree_lines
from engine.geometry import Box
from engine.ir import Frame, Node, Plan, lines
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.passes import optimise
from engine.schema import Job, Mode
from engine.sources import Facts, Source
from engine.vips import read_facts


class Step(Struct, frozen=True):
    """One node: its content, and the frame that it makes."""

    text: str
    frame: Frame


class Stage(Struct, frozen=True):
    """The plan after `name`, which is ``expand`` or a pass that changed it."""

    name: str
    steps: tuple[Step, ...]


class Refusal(Struct, frozen=True):
    """Why a job would fail."""

    code: str
    message: str


class JobExplanation(Struct, frozen=True):
    """One job: its plan as it changes and what it would take alone, or why there is none."""

    destination: str
    save: str = ""
    stages: tuple[Stage, ...] = ()
    assumptions: tuple[str, ...] = ()
    cost: Cost | None = None
    refusal: Refusal | None = None

    def __str__(self) -> str:
        if self.refusal is not None:
            return f"{self.destination}\n  refused  {self.refusal.code}: {self.refusal.message}"
        blocks = [
            "\n".join([f"  {stage.name}", *(step.text for step in stage.steps)])
            for stage in self.stages
        ]
        assumed = [f"  assumed: {words}" for words in self.assumptions]
        taken = f"  takes {self.cost}"
        return "\n".join([self.destination, *assumed, *blocks, f"  save as {self.save}", taken])


class Explanation(Struct, frozen=True):
    """A batch: what the header told, what will be done for each job, and what they share.

    Each of the `trees` decodes the source once. `cost` is that of all jobs together.
    """

    facts: Facts
    jobs: tuple[JobExplanation, ...]
    trees: tuple[TreeBranch, ...] = ()
    cost: Cost = Cost()

    def __str__(self) -> str:
        drawn = [
            "\n".join(["together", *(f"  {line}" for line in tree_lines(tree))])
            for tree in self.trees
        ]
        return "\n\n".join(
            [f"source: {self.facts}", *map(str, self.jobs), *drawn, f"all takes {self.cost}"]
        )


def explain(
    source: Source,
    jobs: Sequence[Job],
    *,
    inputs: Inputs = NO_INPUTS,
    limits: EngineLimits = DEFAULT_LIMITS,
) -> Explanation:
    """Plan every job without doing it; raises what `read_facts` raises.

    A watermark that is not among `inputs` refuses its jobs, as it would end them.
    """
    facts = read_facts(source, limits)
    known = Known({key: facts_of_input(key, inputs[key], limits) for key in inputs})
    return explain_facts(facts, jobs, known, limits)


def explain_facts(
    facts: Facts,
    jobs: Sequence[Job],
    known: Known = NOTHING_MORE,
    limits: EngineLimits = DEFAULT_LIMITS,
) -> Explanation:
    """Explain what would be done with a source of which only the facts are at hand."""
    explained: list[JobExplanation] = []
    plans: dict[int, Plan] = {}
    known_at_once: dict[int, Plan] = {}
    looks: dict[tuple[Node, ...], Plan] = {}
    for index, job in enumerate(jobs):
        words, made, looked = _explain_job(job, facts, limits, known)
        explained.append(words)
        looks |= {look.nodes: look for look in looked}
        if made is not None:
            plans[index] = made
            known_at_once[index] = looked[0] if looked else made
    to_the_letter = {i for i, job in enumerate(jobs) if mode_of(job, limits) is Mode.EXACT}
    groups = kin(jobs, known_at_once)
    trees: list[Branch] = []
    for group in groups:
        some = {index: plans[index] for index in group}
        room = room_to_hold(some.values(), limits) // those_that_hold(groups)
        trees += share(some, room, to_the_letter)
    cost = cost_of_batch(plans, trees, looks.values())
    return Explanation(facts, tuple(explained), tuple(map(shown, trees)), cost)


def _explain_job(
    job: Job, facts: Facts, limits: EngineLimits, known: Known
) -> tuple[JobExplanation, Plan | None, list[Plan]]:
    """Explain a job by itself; gives its plan and those that look at pixels before, too."""
    try:
        expanded, looks = _expand_by_assumption(job, facts, limits, known)
    except DarkroomError as error:
        refusal = Refusal(error.code, error.message)
        return JobExplanation(job.destination.written, refusal=refusal), None, []
    stages = [_stage("expand", expanded)]

    def observe(name: str, before: Plan, after: Plan) -> None:
        if after is not before:
            stages.append(_stage(name, after))

    made = optimise(expanded, mode_of(job, limits), observer=observe)
    explanation = JobExplanation(
        job.destination.written,
        str(expanded.save),
        tuple(stages),
        tuple(f"transformations[{look.awaits}] (ulb) finds no bars" for look in looks),
        sum_of(map(cost_of, [*looks, made])),
    )
    return explanation, made, looks


def _expand_by_assumption(
    job: Job, facts: Facts, limits: EngineLimits, known: Known
) -> tuple[Plan, list[Plan]]:
    """Expand a job as if nothing were found where pixels would have to be looked at.

    Gives the plans that look, too.
    """
    measured: dict[int, Box] = {}
    looks: list[Plan] = []
    known = Known(known.inputs, measured)
    while (made := plan(job, facts, limits, known)).awaits is not None:
        measured[made.awaits] = Box(0, 0, *made.frame.size)
        looks.append(made)
    return expand(job, facts, limits, known), looks


def _stage(name: str, plan: Plan) -> Stage:
    return Stage(name, tuple(map(Step, lines(plan), plan.frames)))
