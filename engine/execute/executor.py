"""Trees while they are carried out: pixels are held from their first reader to their last."""

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.batch import Branch
from engine.ir import Decode, Frame
from engine.lower import Bench, run
from engine.sources import Facts
from engine.vips import Image


@dataclass
class Grove:
    """The trees of a batch, the pictures that are held, and the jobs that need no more.

    `decoding` is told of each reading of the source from its start, by the frame that it gives.
    """

    trees: tuple[Branch, ...]
    facts: Facts
    bench: Bench
    decoding: Callable[[Frame], None]
    held: dict[int, Image] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)

    def __contains__(self, job: int) -> bool:
        return any(job in tree.jobs for tree in self.trees)

    def image(self, job: int) -> Image:
        """Build the pipeline of a job on what is held already; what others need is held."""
        image: Image = None
        for branch in self._tree_of(job).left_of_path(job, self.held):
            if id(branch) in self.held:
                image = self.held[id(branch)]
                continue
            if isinstance(branch.nodes[0], Decode):
                self.decoding(branch.nodes[0].frame(branch.given))
            image = run(branch.nodes, self.facts, self.bench, image, branch.given)
            if branch.held:
                image = self.held[id(branch)] = image.copy_memory()
        return image

    def _tree_of(self, job: int) -> Branch:
        return next(tree for tree in self.trees if job in tree.jobs)

    def finish(self, job: int) -> None:
        """Let go of what nobody reads any more."""
        self.done.add(job)
        for tree in self.trees:
            self._release(tree)

    def _release(self, branch: Branch) -> None:
        if id(branch) in self.held and not branch.is_awaited(self.done, self.held):
            del self.held[id(branch)]
        for each in branch.branches:
            self._release(each)
