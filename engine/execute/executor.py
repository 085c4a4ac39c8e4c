"""Runs merged plans: an output is materialised from its first reader to its last."""

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.batch import MergedPlan
from engine.errors import DarkroomError
from engine.ir import Decode, Frame
from engine.lower import LoweringContext, run
from engine.sources import Facts
from engine.vips import Image, binding, listening


@dataclass
class Executor:
    """The merged plans of a batch, the images that are materialised, and the finished jobs.

    `on_decode` is called for each reading of the source, with the frame that it decodes.
    `failed` and `warned` hold what became of materialising a part, for all jobs that read it.
    """

    merged: tuple[MergedPlan, ...]
    facts: Facts
    context: LoweringContext
    on_decode: Callable[[Frame], None]
    cached: dict[int, Image] = field(default_factory=dict)
    failed: dict[int, Exception] = field(default_factory=dict)
    warned: dict[int, list[str]] = field(default_factory=dict)
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
            if part.materialised:
                image = self.cached[id(part)] = self._materialised(part, image)
            else:
                image = self._pipeline(part, image)
        return image

    def warnings(self, job: int) -> list[str]:
        """Give libvips' warnings from materialising what a job reads."""
        path = self._merged_plan_of(job).path(job)
        return [each for part in path for each in self.warned.get(id(part), ())]

    def _pipeline(self, part: MergedPlan, image: Image) -> Image:
        if isinstance(part.nodes[0], Decode):
            self.on_decode(part.nodes[0].frame(part.given))
        return run(part.nodes, self.facts, self.context, image, part.given)

    def _materialised(self, part: MergedPlan, image: Image) -> Image:
        """Evaluate a part once; what failed is not tried again for another job."""
        if id(part) in self.failed:
            raise self.failed[id(part)].with_traceback(None)
        with listening() as warnings:
            try:
                pixels = self._pipeline(part, image).copy_memory()
            except (binding.VipsError, DarkroomError) as error:
                self.failed[id(part)] = error
                raise
        self.warned[id(part)] = warnings
        return pixels

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
