"""Runs merged plans; a shared output is materialised from its first reader to its last."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from engine.batch import MergedPlan
from engine.errors import DarkroomError
from engine.ir import Decode, Frame
from engine.lower import LoweringContext, materialise, run
from engine.sources import Facts
from engine.vips import Pixels, binding, listening


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
    cached: dict[int, Pixels] = field(default_factory=dict)
    failed: dict[int, Exception] = field(default_factory=dict)
    warned: dict[int, list[str]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)
    making: dict[int, Lock] = field(default_factory=dict)

    def __contains__(self, job: int) -> bool:
        return any(job in merged.jobs for merged in self.merged)

    def image(self, job: int) -> Pixels:
        """Build a job's pipeline on what is cached, and materialise what others need as well.

        Several threads may do so at the same time: what one materialises, the others await.
        """
        with self.lock:
            path = self._merged_plan_of(job).remaining_path(job, self.cached)
            pixels = self.cached.get(id(path[0]))
        for part in path if pixels is None else path[1:]:
            evaluate = self._materialised if part.materialised else self._run
            pixels = evaluate(part, pixels)
        return pixels

    def warnings(self, job: int) -> list[str]:
        """Return libvips' warnings from materialising what a job reads."""
        path = self._merged_plan_of(job).path(job)
        return [each for part in path for each in self.warned.get(id(part), ())]

    def start_over(self) -> None:
        """Forget what was made, and what became of making it."""
        with self.lock:
            self.cached.clear()
            self.failed.clear()
            self.warned.clear()

    def _materialised(self, part: MergedPlan, pixels: Pixels | None) -> Pixels:
        with self.lock:
            making = self.making.setdefault(id(part), Lock())
        with making:
            if (found := self.cached.get(id(part))) is None:
                found = self._make(part, pixels)
                with self.lock:
                    self.cached[id(part)] = found
        return found

    def _make(self, part: MergedPlan, pixels: Pixels | None) -> Pixels:
        """Evaluate a part once; what failed is not tried again for another job."""
        if id(part) in self.failed:
            raise self.failed[id(part)].with_traceback(None)
        with listening() as warnings:
            try:
                made = materialise(self._run(part, pixels), part)
            except (binding.VipsError, DarkroomError) as error:
                self.failed[id(part)] = error
                raise
        self.warned[id(part)] = warnings
        return made

    def _run(self, part: MergedPlan, pixels: Pixels | None) -> Pixels:
        if isinstance(part.nodes[0], Decode):
            self.on_decode(part.nodes[0].frame(part.given))
        return run(
            part.nodes,
            self.facts,
            self.context.of(part.exact),
            pixels,
            part.given,
            shared=part.materialised,
            converted=part.converted,
        )

    def _merged_plan_of(self, job: int) -> MergedPlan:
        return next(merged for merged in self.merged if job in merged.jobs)

    def finish(self, job: int) -> None:
        """Release the images that no other job will read."""
        with self.lock:
            self.done.add(job)
            for merged in self.merged:
                self._release(merged)

    def _release(self, part: MergedPlan) -> None:
        if id(part) in self.cached and not part.is_needed(self.done, self.cached):
            del self.cached[id(part)]
        for child in part.children:
            self._release(child)
