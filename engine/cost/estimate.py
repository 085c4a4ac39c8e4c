"""What work will take: memory at its peak, pixels, decode passes; predicted from its nodes.

Nothing is opened or measured here: the same nodes always give the same numbers. The peak is
that of a process that carries out this work alone, beyond what it took before, the source's
own bytes not counted: what libvips takes for any picture at all, what jobs share, and what
`engine.ledger` finds while it follows each run of nodes. It is meant to be no less than what
is measured, and for photographs at most three times that; `docs/decisions/0113` has figures.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from msgspec import Struct
from msgspec.structs import replace

from engine.batch import Branch
from engine.cost.codec_memory import decoder, encoder, file_bytes
from engine.cost.memory_model import follow, rows_written
from engine.errors import NeedsTooMuchMemory
from engine.ir import Before, Layer, Letters, Plan, source_frame, stages, streams
from engine.limits import EngineLimits

ANY_PICTURE = 8_000_000  # bytes of libvips for the first picture, whatever it is
CERTAIN_A_PIXEL = 70  # bytes that are certain at most: two pictures, a decoder, an encoder
GAPS = 192 * 1024 * 1024  # bytes at most that earlier jobs leave in the heap, in small pieces
IN_NO_TREE = -1


class Cost(Struct, frozen=True):
    """What work takes.

    `peak_bytes`: memory at its highest. `decode_passes`: how often the source is read from
    its start. `pixels_decoded`: what these readings decode in all. `pixels_touched`: what
    all nodes make, layers included.
    """

    peak_bytes: int = 0
    pixels_touched: int = 0
    pixels_decoded: int = 0
    decode_passes: int = 0

    def then(self, after: "Cost") -> "Cost":
        """Give the cost of this and other work, one after the other."""
        return Cost(
            max(self.peak_bytes, after.peak_bytes),
            self.pixels_touched + after.pixels_touched,
            self.pixels_decoded + after.pixels_decoded,
            self.decode_passes + after.decode_passes,
        )

    def __str__(self) -> str:
        passes = "pass" if self.decode_passes == 1 else "passes"
        return (
            f"at most {self.peak_bytes / 1e6:.0f} MB, {self.pixels_touched / 1e6:.1f} Mpx touched, "
            f"{self.pixels_decoded / 1e6:.1f} Mpx decoded in {self.decode_passes} {passes}"
        )


def sum_of(costs: Iterable[Cost]) -> Cost:
    """Give the cost of works that are done one after the other."""
    return reduce(Cost.then, costs, Cost())


def check_memory(plan: Plan, limits: EngineLimits) -> None:
    """Raise NeedsTooMuchMemory if a plan takes more than is allowed, whatever its pixels are.

    The predicted peak may be three times of what is taken, so nothing is refused by it.
    """
    allowed = limits.max_memory_bytes
    if may_take(plan, allowed) and (certain := certain_bytes(plan)) > allowed:
        what = f"{plan.facts.size} to {plan.save.format.value} takes too much memory"
        raise NeedsTooMuchMemory(what, "max_memory_bytes", allowed, certain, "bytes at least")


def room_to_hold(plans: Iterable[Plan], limits: EngineLimits) -> int:
    """Give the bytes of pixels that plans may share beside what the greatest of them takes."""
    room = limits.max_memory_bytes - limits.max_held_bytes
    greatest = max((certain_bytes(plan) for plan in plans if may_take(plan, room)), default=0)
    return min(limits.max_held_bytes, limits.max_memory_bytes - greatest)


def may_take(plan: Plan, size: int) -> bool:
    """Tell at a glance whether a plan may take more than so many bytes for certain."""
    pixels = max(frame.width * frame.height for frame in plan.frames)
    pixels = max(pixels * plan.frames[0].pages, plan.facts.width * plan.facts.height)
    return pixels * CERTAIN_A_PIXEL > size


def certain_bytes(plan: Plan) -> int:
    """Give the bytes of the whole pictures that are in memory at once, and no more than that."""
    first = plan.frames[0]
    coded, read, most = decoder(plan.facts, first.pages).least, 0, 0
    still = plan.nodes[1:] if first.pages > 1 else plan.nodes
    given = first if first.pages > 1 else source_frame(plan.facts)
    for stage in () if streams(still) else stages(still, given, in_memory=first.pages > 1):
        if stage.before is Before.MEMORY:
            most = max(most, coded + read + stage.given.bytes)
            coded, read = 0, stage.given.bytes
    if plan.awaits is not None:
        return max(most, coded + read)
    made = plan.frame.bytes * first.pages if first.pages > 1 else 0
    return max(most, coded + read + made + encoder(plan.save, plan.frame).least)


def cost_of(plan: Plan) -> Cost:
    """Predict what carrying out a plan takes, to its file or to the pixels that it awaits."""
    ending = plan.frame.bytes if plan.awaits is not None else encoder(plan.save, plan.frame).most
    first = plan.frames[0]
    if first.pages == 1:
        return _alone(Cost(*follow(plan.nodes, plan.facts, ending)))
    strip = follow(plan.nodes[:1], plan.facts, 2 * first.bytes)
    still = follow(plan.nodes[1:], plan.facts, plan.frame.bytes, first)
    made = plan.frame.bytes * (first.pages + 1)
    return _alone(
        Cost(
            strip.peak + still.peak + made + ending * (plan.awaits is None),
            strip.touched + still.touched * first.pages,
            strip.decoded,
            strip.passes,
        )
    )


def _alone(cost: Cost) -> Cost:
    """Add what any picture takes."""
    return replace(cost, peak_bytes=ANY_PICTURE + cost.peak_bytes)


def cost_of_batch(
    plans: Mapping[int, Plan], trees: Iterable[Branch], looks: Iterable[Plan] = ()
) -> Cost:
    """Predict what a batch takes: its jobs one after the other, on the trees that they share.

    Pixels are held from their first reader to their last, a file until the next one is made.
    A plan that is in no tree is carried out alone, and so are `looks`, which measure pixels and
    leave gaps in the heap as jobs do.
    """
    batch = _Batch(tuple(trees))
    looked = [batch.add(IN_NO_TREE, look) for look in looks]
    return sum_of([*looked, *(batch.add(index, plans[index]) for index in sorted(plans))])


@dataclass
class _Batch:
    """A batch while it is followed, as `engine.grove` carries it out.

    `held` are the bytes of each branch that is held, `ready` those of each layer, `file`
    those of the file that was made last. `passing` is what a job took at most that is over.
    """

    trees: tuple[Branch, ...]
    held: dict[int, int] = field(default_factory=dict)
    ready: dict[Layer | Letters, int] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    file: int = 0
    passing: int = 0

    def add(self, index: int, plan: Plan) -> Cost:
        """Do the next job."""
        kept = sum(self.held.values()) + sum(self.ready.values()) + self.file
        gaps = min(self.passing // 2, GAPS)
        tree = next((tree for tree in self.trees if index in tree.jobs), None)
        if tree is None or plan.frames[0].pages > 1:
            cost = cost_of(plan)
        else:
            cost = self._grown(tree, index, plan)
        self.file = 0 if plan.awaits is not None else file_bytes(plan.save, plan.frame)
        self.done.add(index)
        for each in self.trees:
            self._let_go(each)
        self.passing = max(self.passing, cost.peak_bytes - ANY_PICTURE)
        return replace(cost, peak_bytes=cost.peak_bytes + kept + gaps)

    def _grown(self, tree: Branch, index: int, plan: Plan) -> Cost:
        """Do what is left to do on the way to a job."""
        ending, more, cost = encoder(plan.save, plan.frame).most, 0, Cost()
        for branch in tree.left_of_path(index, self.held):
            if id(branch) in self.held:
                continue
            given = None if branch is tree else branch.given
            made = branch.frame.bytes if branch.held else ending
            run = follow(branch.nodes, plan.facts, made, given, self.ready)
            cost = cost.then(Cost(*run._replace(peak=run.peak + more)))
            if branch.held:
                self.held[id(branch)] = branch.frame.bytes
                more += branch.frame.bytes
        if branch.held:
            cost = cost.then(Cost(more + rows_written(branch.frame) + ending))
        return _alone(cost)

    def _let_go(self, branch: Branch) -> None:
        if not branch.is_awaited(self.done, self.held):
            self.held.pop(id(branch), None)
        for each in branch.branches:
            self._let_go(each)
