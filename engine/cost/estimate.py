"""Predicts cost from nodes: peak memory, pixels, decode passes, seconds of one core.

Nothing is opened or measured here: the same nodes always give the same numbers. The peak is
that of a process that does this work alone, beyond what it used before, the source's own bytes
not counted: what libvips needs for any image at all, what jobs share, and the peak that
`engine.cost.memory_model` finds for each run of nodes. It is meant to be no less than what is
measured, and for photographs at most three times that; `docs/decisions/0113` has figures. The
seconds are those of `engine.cost.time_model`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from msgspec import Struct
from msgspec.structs import replace

from engine.batch import MergedPlan
from engine.cost.codec_memory import decoder, encoder, file_bytes
from engine.cost.memory_model import predict_run, rows_written
from engine.cost.time_model import seconds_of, seconds_of_batch
from engine.errors import NeedsTooMuchMemory
from engine.ir import (
    Attention,
    Buffering,
    ImageLayer,
    Plan,
    TextLayer,
    source_frame,
    stages,
    streams,
)
from engine.limits import EngineLimits

ANY_IMAGE = 8_000_000  # bytes that libvips needs for the first image, whatever it is
MAX_MINIMUM_PER_PIXEL = 70  # bytes: two images, a decoder, an encoder
MAX_FRAGMENTATION = 192 * 1024 * 1024  # bytes that earlier jobs leave unusable in the heap
ATTENTION = 4_000_000  # bytes to find what draws attention, whatever the image is
WORTH_THREADS = 3_000_000  # pixels of a batch, below which waking threads costs more
WORTH_PREDICTING = 3_000_000  # pixels of a batch, below which the heap's own growth hides it
RESULTS_AHEAD = 8  # jobs that are begun, or wait as files, beyond the one whose turn it is
NOT_MERGED = -1


class Cost(Struct, frozen=True):
    """The cost of work.

    `peak_bytes`: peak memory. `decode_passes`: how often the source is read from its start.
    `pixels_decoded`: what these readings decode in all. `pixels_touched`: the output of all
    nodes, layers included. `seconds`: how long one core works.
    """

    peak_bytes: int = 0
    pixels_touched: int = 0
    pixels_decoded: int = 0
    decode_passes: int = 0
    seconds: float = 0.0

    def followed_by(self, after: "Cost") -> "Cost":
        """Give the cost of this work and then other work."""
        return Cost(
            max(self.peak_bytes, after.peak_bytes),
            self.pixels_touched + after.pixels_touched,
            self.pixels_decoded + after.pixels_decoded,
            self.decode_passes + after.decode_passes,
            self.seconds + after.seconds,
        )

    def __str__(self) -> str:
        passes = "pass" if self.decode_passes == 1 else "passes"
        return (
            f"{self.seconds:.2f} s of one core, at most {self.peak_bytes / 1e6:.0f} MB, "
            f"{self.pixels_touched / 1e6:.1f} Mpx touched, "
            f"{self.pixels_decoded / 1e6:.1f} Mpx decoded in {self.decode_passes} {passes}"
        )


def total_cost(costs: Iterable[Cost]) -> Cost:
    """Give the cost of work that is done one after the other."""
    return reduce(Cost.followed_by, costs, Cost())


def check_memory(plan: Plan, limits: EngineLimits) -> None:
    """Raise NeedsTooMuchMemory if the guaranteed minimum of a plan is more than is allowed.

    The predicted peak may be three times the actual one, so nothing is rejected by it.
    """
    allowed = limits.max_memory_bytes
    if may_need(plan, allowed) and (minimum := minimum_bytes(plan)) > allowed:
        what = f"{plan.facts.size} to {plan.save.format.value} takes too much memory"
        raise NeedsTooMuchMemory(what, "max_memory_bytes", allowed, minimum, "bytes at least")


def materialisation_budget(plans: Iterable[Plan], limits: EngineLimits) -> int:
    """Give the bytes that plans may materialise beside what the largest of them needs."""
    room = limits.max_memory_bytes - limits.max_held_bytes
    largest = max((minimum_bytes(plan) for plan in plans if may_need(plan, room)), default=0)
    return min(limits.max_held_bytes, limits.max_memory_bytes - largest)


def may_need(plan: Plan, size: int) -> bool:
    """Tell, quickly, whether the guaranteed minimum of a plan may exceed so many bytes."""
    pixels = max(frame.width * frame.height for frame in plan.frames)
    pixels = max(pixels * plan.frames[0].pages, plan.facts.width * plan.facts.height)
    return pixels * MAX_MINIMUM_PER_PIXEL > size


def minimum_bytes(plan: Plan) -> int:
    """Give the guaranteed minimum: the bytes of the whole images in memory at once."""
    first = plan.frames[0]
    codec, read, most = decoder(plan.facts, first.pages).least, 0, 0
    nodes = plan.nodes[1:] if first.pages > 1 else plan.nodes
    given = first if first.pages > 1 else source_frame(plan.facts)
    for stage in () if streams(nodes) else stages(nodes, given, in_memory=first.pages > 1):
        if stage.buffering is Buffering.MEMORY:
            most = max(most, codec + read + stage.given.bytes)
            codec, read = 0, stage.given.bytes
    if plan.needs_pixels is not None:
        return max(most, codec + read)
    made = plan.frame.bytes * first.pages if first.pages > 1 else 0
    return max(most, codec + read + made + encoder(plan.save, plan.frame).least)


def cost_of(plan: Plan) -> Cost:
    """Predict the cost of a plan, to its file or to the pixels that are measured."""
    saves = plan.measurement is None
    result = encoder(plan.save, plan.frame).most if saves else _measured_bytes(plan)
    first = plan.frames[0]
    if first.pages == 1:
        run = predict_run(plan.nodes, plan.facts, result, exact=plan.exact)
        return _alone(Cost(*run, seconds=seconds_of(plan)))
    strip = predict_run(plan.nodes[:1], plan.facts, 2 * first.bytes)
    nodes, exact = plan.nodes[1:], plan.exact
    frame = predict_run(nodes, plan.facts, plan.frame.bytes, first, exact=exact)
    made = plan.frame.bytes * (first.pages + 1)
    return _alone(
        Cost(
            strip.peak + frame.peak + made + result * saves,
            strip.touched + frame.touched * first.pages,
            strip.decoded,
            strip.passes,
            seconds_of(plan),
        )
    )


def _measured_bytes(plan: Plan) -> int:
    """Give what is in memory while an image is measured."""
    if isinstance(plan.measurement, Attention):
        return ATTENTION
    return plan.frame.bytes if plan.measurement and plan.measurement.materialises else 0


def _alone(cost: Cost) -> Cost:
    """Add what any image needs."""
    return replace(cost, peak_bytes=ANY_IMAGE + cost.peak_bytes)


def cost_of_batch(
    plans: Mapping[int, Plan], merged: Iterable[MergedPlan], measuring: Iterable[Plan] = ()
) -> Cost:
    """Predict the cost of a batch: its jobs one after the other, on their merged plans.

    Pixels are materialised from their first reader to their last, a file until the next one is
    made. A plan that is not merged is executed alone, and so are the `measuring` plans, which
    measure pixels and fragment the heap as jobs do.
    """
    measuring, batch = tuple(measuring), _Batch(tuple(merged))
    measured = [batch.add(NOT_MERGED, plan) for plan in measuring]
    cost = total_cost([*measured, *(batch.add(index, plans[index]) for index in sorted(plans))])
    return replace(cost, seconds=seconds_of_batch(plans, batch.merged, measuring))


def threads_within(
    plans: Collection[Plan], merged: Iterable[MergedPlan], limits: EngineLimits, threads: int
) -> int:
    """Give how many jobs may be done side by side, `threads` at most, under the memory limit.

    All that is materialised may then be in memory at once, beside the largest of the jobs and
    the files of those that wait for their turn.
    """
    threads = min(threads, len(plans))
    if threads <= 1 or _pixels(plans) < WORTH_THREADS:
        return 1
    peaks = _peaks_side_by_side(plans, merged, threads)
    return next(
        count for count in range(threads, 0, -1)
        if count == 1 or peaks[count] <= limits.max_memory_bytes
    )  # fmt: skip


def predicted_bytes(
    plans: Mapping[int, Plan], merged: Iterable[MergedPlan], measuring: Iterable[Plan]
) -> int:
    """Give the predicted peak of a batch in bytes, or 0 if it is too small to be worth telling."""
    if not plans or _pixels(plans.values()) < WORTH_PREDICTING:
        return 0
    return cost_of_batch(plans, merged, measuring).peak_bytes


def peak_of_batch(
    plans: Mapping[int, Plan], merged: Collection[MergedPlan], threads: int = 1
) -> int:
    """Predict the peak memory of a batch in bytes, with so many of its jobs side by side.

    0 stands for a small batch, as a glance at its pixels tells. Of a job that needs pixels what
    comes after they are measured is not known, and not counted.
    """
    if not plans or _glance(plans.values()) < WORTH_PREDICTING:
        return 0
    final = {index: plan for index, plan in plans.items() if plan.needs_pixels is None}
    measuring = [plan for plan in plans.values() if plan.needs_pixels is not None]
    alone = cost_of_batch(final, merged, measuring).peak_bytes
    if threads == 1:
        return alone
    return max(alone, _peaks_side_by_side(plans.values(), merged, threads)[threads])


def _peaks_side_by_side(
    plans: Collection[Plan], merged: Iterable[MergedPlan], threads: int
) -> list[int]:
    """Predict the peaks with 0, 1, 2 … of the largest jobs side by side.

    All that is materialised is beside them, and the largest of the files that may wait.
    """
    peaks = sorted((cost_of(plan).peak_bytes for plan in plans), reverse=True)
    files = sorted((file_bytes(plan.save, plan.frame) for plan in plans), reverse=True)
    kept = sum(each.materialised_bytes for each in merged)
    begun = min(len(plans), RESULTS_AHEAD + 1)
    return [
        kept + sum(peaks[:count]) + sum(files[: max(0, begun - count)])
        for count in range(threads + 1)
    ]


def _glance(plans: Collection[Plan]) -> int:
    """Give the pixels of the source, and of the largest image of each job."""
    largest = [max(frame.size.pixels for frame in plan.frames) for plan in plans]
    pages = max(plan.frames[0].pages for plan in plans)
    source = max(plan.facts.width * plan.facts.height for plan in plans)
    return (source + sum(largest)) * pages


def _pixels(plans: Collection[Plan]) -> int:
    """Give about how many pixels a batch decodes and saves."""
    decoded = max(plan.frames[0].size.pixels for plan in plans)
    return decoded + sum(plan.frame.size.pixels for plan in plans)


@dataclass
class _Batch:
    """A batch while it is simulated, in the order in which `engine.execute` runs it.

    `cached` are the bytes of each output that is materialised, `layers` those of each layer,
    `file` those of the file that was made last, `highest` the highest peak of a finished job.
    """

    merged: tuple[MergedPlan, ...]
    cached: dict[int, int] = field(default_factory=dict)
    layers: dict[ImageLayer | TextLayer, int] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    file: int = 0
    highest: int = 0

    def add(self, index: int, plan: Plan) -> Cost:
        """Add the next job, and give its cost."""
        kept = sum(self.cached.values()) + sum(self.layers.values()) + self.file
        fragmentation = min(self.highest // 2, MAX_FRAGMENTATION)
        merged = next((merged for merged in self.merged if index in merged.jobs), None)
        if merged is None or plan.frames[0].pages > 1:
            cost = cost_of(plan)
        else:
            cost = self._remaining(merged, index, plan)
        self.file = 0 if plan.needs_pixels is not None else file_bytes(plan.save, plan.frame)
        self.done.add(index)
        for each in self.merged:
            self._release(each)
        self.highest = max(self.highest, cost.peak_bytes - ANY_IMAGE)
        return replace(cost, peak_bytes=cost.peak_bytes + kept + fragmentation)

    def _remaining(self, merged: MergedPlan, index: int, plan: Plan) -> Cost:
        """Give the cost of the parts on the path to a job that are not cached yet."""
        result, more, cost = encoder(plan.save, plan.frame).most, 0, Cost()
        for part in merged.remaining_path(index, self.cached):
            if id(part) in self.cached:
                continue
            given = None if part is merged else part.given
            made = part.held_bytes if part.materialised else result
            run = predict_run(
                part.nodes,
                plan.facts,
                made,
                given,
                self.layers,
                exact=part.exact,
                shared=part.materialised,
                converted=part.converted,
            )
            cost = cost.followed_by(Cost(*run._replace(peak=run.peak + more)))
            if part.materialised:
                self.cached[id(part)] = part.held_bytes
                more += part.held_bytes
        if part.materialised:
            cost = cost.followed_by(Cost(more + rows_written(part.frame) + result))
        return _alone(cost)

    def _release(self, part: MergedPlan) -> None:
        if not part.is_needed(self.done, self.cached):
            self.cached.pop(id(part), None)
        for child in part.children:
            self._release(child)
