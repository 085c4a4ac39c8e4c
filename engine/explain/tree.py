"""A tree of shared work as it is shown: data that JSON can hold, and lines of text."""

from collections.abc import Iterator

from msgspec import Struct

from engine.batch import Branch
from engine.ir import Access, Frame, Locality, Node


class TreeStep(Struct, frozen=True):
    """One node of a branch: its name and content, the frame that it makes, how it reads."""

    name: str
    words: str
    frame: Frame
    locality: Locality
    access: Access

    def __str__(self) -> str:
        return f"{self.name} {self.words}" if self.words else self.name


class TreeSave(Struct, frozen=True):
    """A job, by its place in the batch, that saves what comes out of a branch, and how."""

    job: int
    save: str


class TreeBranch(Struct, frozen=True):
    """A run of steps, and who reads what comes out: jobs that save it, further branches.

    `held_bytes` of pixels are kept in memory because several read them; 0 if it is one.
    """

    steps: tuple[TreeStep, ...]
    held_bytes: int
    saves: tuple[TreeSave, ...]
    branches: "tuple[TreeBranch, ...]"

    def __str__(self) -> str:
        return "\n".join(tree_lines(self))


def shown(branch: Branch) -> TreeBranch:
    """Give a branch, and all that grows from it, as data."""
    return TreeBranch(
        tuple(_steps(branch)),
        branch.frame.bytes if branch.held else 0,
        tuple(TreeSave(job, str(save)) for job, save in branch.saves.items()),
        tuple(map(shown, branch.branches)),
    )


def _steps(branch: Branch) -> Iterator[TreeStep]:
    frame = branch.given
    for node in branch.nodes:
        frame = node.frame(frame)
        yield TreeStep(_name(node), node.words, frame, node.locality, node.access)


def _name(node: Node) -> str:
    return type(node).__name__.lower()


def tree_lines(branch: TreeBranch, lead: str = "", tail: str = "") -> Iterator[str]:
    """Draw a tree: for each branch what it does, what comes out, who is served."""
    yield f"{lead}{_words(branch)}"
    last = len(branch.branches) - 1
    for place, each in enumerate(branch.branches):
        here, below = ("└─ ", "   ") if place == last else ("├─ ", "│  ")
        yield from tree_lines(each, tail + here, tail + below)


def _words(branch: TreeBranch) -> str:
    steps = " → ".join(map(str, branch.steps))
    held = f", {branch.held_bytes / 1e6:.1f} MB held" if branch.held_bytes else ""
    saves = "".join(f" ⇒ job {each.job} {each.save}" for each in branch.saves)
    return f"{steps}  {branch.steps[-1].frame}{held}{saves}"
