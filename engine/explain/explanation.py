"""What an explanation says: each job's plan before and after each pass, and what jobs share.

It is data (msgspec encodes it as JSON) that is also worth reading as text.
"""

from msgspec import Struct

from engine.cost import Cost
from engine.explain.tree import TreeBranch, tree_lines
from engine.ir import Frame
from engine.sources import Facts


class Step(Struct, frozen=True):
    """One node: its text, and its output frame."""

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
    """One job: its plan as it changes and what it would cost alone, or why there is none."""

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
        assumed = [f"  assumed: {each}" for each in self.assumptions]
        cost = f"  takes {self.cost}"
        return "\n".join([self.destination, *assumed, *blocks, f"  save as {self.save}", cost])


class Explanation(Struct, frozen=True):
    """A batch: the source's facts, each job's plan, and the merged plans.

    Each of the `trees`, the merged plans, decodes the source once. `cost` is that of all jobs
    together.
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
