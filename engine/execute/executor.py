"""Runs merged plans: an output is materialised from its first reader to its last."""

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.batch import MergedPlan
from engine.ir import Decode, Frame
from engine.lower import LoweringContext, run
from engine.sources import Facts
from engine.vips import Image


@dataclass
class Executor:
    """The merged plans of a batch, the images that are materialised, and the finished jobs.

    `on_decode` is called for each reading of the source, with the frame that it decodes.
    """

    merged: tuple[MergedPlan, ...]
    facts: Facts
    context: LoweringContext
    on_decode: Callable[[Frame], None]
    cached: dict[int, Image] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)

    def __contains__(self, job: int) -> bool:
        return any(job in merged.jobs for merged in self.merged)

    def image(self, job: int) -> Image:
        """Build a job's pipeline on what is cached, and materialise what others need as well."""
        image: Image = None
        for part in self._merged_plan_of(job).remaining_path(job, self.cached):
            if id(part) in self.cached:
                image = self.cached[id(part)]
                continue
            if isinstance(part.nodes[0], Decode):
                self.on_decode(part.nodes[0].frame(part.given))
            image = run(part.nodes, self.facts, self.context, image, part.given)
            if part.materialised:
                image = self.cached[id(part)] = image.copy_memory()
        return image

    def _merged_plan_of(self, job: int) -> MergedPlan:
        return next(merged for merged in self.merged if job in merged.jobs)

    def finish(self, job: int) -> None:
        """Release the images that no other job will read."""
        self.done.add(job)
        for merged in self.merged:
            self._release(merged)

    def _release(self, part: MergedPlan) -> None:
        if id(part) in self.cached and not part.is_needed(self.done, self.cached):
            del self.cached[id(part)]
        for child in part.children:
            self._release(child)
