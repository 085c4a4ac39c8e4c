"""What the engine will do and why: the plan before and after each pass.

Only the source's header is read. The explanation is data (msgspec encodes it as JSON)
that is also worth reading as text.
"""

from collections.abc import Sequence

from msgspec import Struct

from engine.errors import DarkroomError
from engine.expand import expand
from engine.facts import Facts, read_facts
from engine.ir import Frame, Plan, lines
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.passes import optimise
from engine.source import Source
from engine.transforms import Job


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
    """One job: its plan as it changes, or why there is none."""

    destination: str
    save: str = ""
    stages: tuple[Stage, ...] = ()
    refusal: Refusal | None = None

    def __str__(self) -> str:
        if self.refusal is not None:
            return f"{self.destination}\n  refused  {self.refusal.code}: {self.refusal.message}"
        blocks = [
            "\n".join([f"  {stage.name}", *(step.text for step in stage.steps)])
            for stage in self.stages
        ]
        return "\n".join([self.destination, *blocks, f"  save as {self.save}"])


class Explanation(Struct, frozen=True):
    """A batch: what the header told, and what will be done for each job."""

    facts: Facts
    jobs: tuple[JobExplanation, ...]

    def __str__(self) -> str:
        return "\n\n".join([f"source: {self.facts}", *map(str, self.jobs)])


def explain(
    source: Source, jobs: Sequence[Job], limits: EngineLimits = DEFAULT_LIMITS
) -> Explanation:
    """Plan every job without doing it; raises what `read_facts` raises."""
    facts = read_facts(source, limits)
    return Explanation(facts, tuple(_explain_job(job, facts, limits) for job in jobs))


def _explain_job(job: Job, facts: Facts, limits: EngineLimits) -> JobExplanation:
    try:
        expanded = expand(job, facts, limits)
    except DarkroomError as error:
        return JobExplanation(job.destination, refusal=Refusal(error.code, error.message))
    stages = [_stage("expand", expanded)]

    def observe(name: str, before: Plan, after: Plan) -> None:
        if after is not before:
            stages.append(_stage(name, after))

    optimise(expanded, observer=observe)
    return JobExplanation(job.destination, str(expanded.save), tuple(stages))


def _stage(name: str, plan: Plan) -> Stage:
    return Stage(name, tuple(map(Step, lines(plan), plan.frames)))
