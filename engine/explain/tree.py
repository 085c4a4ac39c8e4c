"""Merged plans as they are shown: data for JSON and lines of text."""

from collections.abc import Iterator

from msgspec import Struct

from engine.batch import MergedPlan
from engine.ir import Access, Frame, Locality, Node


class TreeStep(Struct, frozen=True):
    """One node: its name and detail, its output frame, its locality and access."""

    name: str
    parameters: str
    frame: Frame
    locality: Locality
    access: Access

    def __str__(self) -> str:
        return f"{self.name} {self.parameters}" if self.parameters else self.name


class TreeSave(Struct, frozen=True):
    """A job, by its index in the batch, that saves the output of a branch, and how."""

    job: int
    save: str


class TreeBranch(Struct, frozen=True):
    """A run of steps, and the readers of its output: jobs that save it, further branches.

    `held_bytes` of pixels are materialised because they have several readers; 0 for one.
    """

    steps: tuple[TreeStep, ...]
    held_bytes: int
    saves: tuple[TreeSave, ...]
    branches: "tuple[TreeBranch, ...]"

    def __str__(self) -> str:
        return "\n".join(tree_lines(self))


def tree_of(merged: MergedPlan) -> TreeBranch:
    """Return a merged plan, with its children, as data."""
    return TreeBranch(
        tuple(_steps(merged)),
        merged.frame.bytes if merged.materialised else 0,
        tuple(TreeSave(job, str(save)) for job, save in merged.saves.items()),
        tuple(map(tree_of, merged.children)),
    )


def _steps(merged: MergedPlan) -> Iterator[TreeStep]:
    frame = merged.given
    for node in merged.nodes:
        frame = node.frame(frame)
        yield TreeStep(_name(node), node.detail, frame, node.locality, node.access)


def _name(node: Node) -> str:
    return type(node).__name__.lower()


def tree_lines(branch: TreeBranch, lead: str = "", tail: str = "") -> Iterator[str]:
    """Draw a tree: for each branch its steps, its output, and the jobs that save it."""
    yield f"{lead}{_line(branch)}"
    last = len(branch.branches) - 1
    for place, each in enumerate(branch.branches):
        here, below = ("└─ ", "   ") if place == last else ("├─ ", "│  ")
        yield from tree_lines(each, tail + here, tail + below)


def _line(branch: TreeBranch) -> str:
    steps = " → ".join(map(str, branch.steps))
    megabytes = f"{branch.held_bytes / 1e6:.1f} MB"
    materialised = f", {megabytes} materialised" if branch.held_bytes else ""
    saves = "".join(f" ⇒ job {each.job} {each.save}" for each in branch.saves)
    return f"{steps}  {branch.steps[-1].frame}{materialised}{saves}"
