"""What work will take: memory at its peak, pixels, decode passes; predicted from its nodes.

Nothing is opened or measured here: the same nodes always give the same numbers. The peak is
that of a process that carries out this work alone, beyond what it took before, the source's
own bytes not counted. It is made up of

- the pictures that are in memory: what several jobs read, what is put there before nodes
  that jump about, layers, what coders keep of the whole picture, and the file that comes out;
- the rows that are under way in each stage of the stream between two of them, which grow
  with the picture's width, not with its height;
- what libvips takes for any picture at all.

The rows are counted in those of a picture of three or four bands, measured with libvips 8.18 on
one thread; `docs/decisions/0113` tells how. A prediction is not below what is measured, for
photographs nor for noise, and for photographs at most three times that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce, singledispatch

from msgspec import Struct
from msgspec.structs import replace

from engine.coders import decoder, encoder, file_bytes
from engine.errors import NeedsTooMuchMemory
from engine.facts import Facts
from engine.flow import Before, Stage, stages
from engine.ir import Frame, Node, Plan, source_frame
from engine.limits import EngineLimits
from engine.nodes import (
    Blur,
    Convolve,
    Decode,
    Enhance,
    Layer,
    Letters,
    Overlay,
    Premultiply,
    Resample,
    Rotate,
    SelectiveBlur,
    ToSrgb,
    Unpremultiply,
)
from engine.share import Branch

ANY_PICTURE = 8_000_000  # bytes of libvips for the first picture, whatever it is
FONTS = 12_500_000  # bytes that text takes the first time
BLURRING, BLURRING_ALPHA = 2_000_000, 2_000_000  # bytes that a blur begins with
TURNING = 1_500_000  # bytes of the tiles that a rotation begins with
PROFILES = 3_500_000  # bytes that a conversion through an ICC profile takes the first time
HEAP = 64 * 1024 * 1024  # bytes; a smaller picture leaves a gap when it is let go of
GAPS = 192 * 1024 * 1024  # bytes at most that earlier jobs leave in the heap, in small pieces
CMYK = 4  # bands
FULL = 16  # rows of a picture from which on a node keeps as many as it ever does
ASKED, ASKED_DEEP, ASKED_ALPHA = 150, 420, 560  # rows more for each time that one scales down
FREELY, WHOLLY = 2.5, 16  # times that cost nothing, and from which on blocks are averaged first
TALL = 300  # the same for decoders and encoders
READ, WRITTEN = 600, 550  # rows that these and their neighbours keep of a tall picture
HELD_ROWS, HELD_TILES = 500, 900  # rows that `hold` keeps, and those of its tiles
ENLARGED = 1_000  # rows that it takes to enlarge a greatly blurred picture


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
    allowed, certain = limits.max_memory_bytes, certain_bytes(plan)
    if certain > allowed:
        what = f"{plan.facts.size} to {plan.save.format.value} takes too much memory"
        raise NeedsTooMuchMemory(what, "max_memory_bytes", allowed, certain, "bytes at least")


def room_to_hold(plans: Iterable[Plan], limits: EngineLimits) -> int:
    """Give the bytes of pixels that plans may share beside what the greatest of them takes."""
    greatest = max(map(certain_bytes, plans), default=0)
    return min(limits.max_held_bytes, limits.max_memory_bytes - greatest)


def certain_bytes(plan: Plan) -> int:
    """Give the bytes of the whole pictures that are in memory at once, and no more than that."""
    first = plan.frames[0]
    coded, read, most = decoder(plan.facts, first.pages).least, 0, 0
    still = plan.nodes[1:] if first.pages > 1 else plan.nodes
    given = first if first.pages > 1 else source_frame(plan.facts)
    for stage in stages(still, given, in_memory=first.pages > 1):
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
        return _alone(_cost_of_run(plan.nodes, plan.facts, ending))
    strip = _cost_of_run(plan.nodes[:1], plan.facts, first.bytes)
    still = _cost_of_run(plan.nodes[1:], plan.facts, plan.frame.bytes, first)
    made = plan.frame.bytes * (first.pages + 1)
    return _alone(
        Cost(
            strip.peak_bytes + still.peak_bytes + made + ending * (plan.awaits is None),
            strip.pixels_touched + still.pixels_touched * first.pages,
            strip.pixels_decoded,
            1,
        )
    )


def _alone(cost: Cost) -> Cost:
    """Add what any picture takes."""
    return replace(cost, peak_bytes=ANY_PICTURE + cost.peak_bytes)


def cost_of_batch(plans: Mapping[int, Plan], trees: Iterable[Branch]) -> Cost:
    """Predict what a batch takes: its jobs one after the other, on the trees that they share.

    Pixels are held from their first reader to their last, a file until the next one is made.
    A plan that is in no tree is carried out alone.
    """
    batch = _Batch(tuple(trees))
    return sum_of(batch.add(index, plans[index]) for index in sorted(plans))


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
        gaps = min(self.passing, GAPS)
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
        for branch in tree.path(index):
            if id(branch) in self.held:
                continue
            given = None if branch is tree else branch.given
            made = branch.frame.bytes if branch.held else ending
            run = _cost_of_run(branch.nodes, plan.facts, made, given, self.ready)
            cost = cost.then(replace(run, peak_bytes=run.peak_bytes + more))
            if branch.held:
                self.held[id(branch)] = branch.frame.bytes
                more += branch.frame.bytes
        if branch.held:
            cost = cost.then(Cost(more + _written(branch.frame) + ending))
        return _alone(cost)

    def _let_go(self, branch: Branch) -> None:
        if branch.jobs <= self.done:
            self.held.pop(id(branch), None)
        for each in branch.branches:
            self._let_go(each)


def _cost_of_run(
    nodes: Iterable[Node],
    facts: Facts,
    ending: int,
    given: Frame | None = None,
    ready: dict[Layer | Letters, int] | None = None,
) -> Cost:
    """Predict what a run of nodes takes: from decoding on, or from a picture in memory.

    `ending` are the bytes that come to be at its end: a picture in memory or a file with all
    that its encoder keeps. `given` is the frame of the picture that is in memory already,
    whose own bytes are not counted. `ready` are the layers that were made before, to which
    those of this run are added.
    """
    frame = given or source_frame(facts)
    ready = {} if ready is None else ready
    ledger = _Ledger(facts)
    touched = decoded = passes = 0
    for stage in stages(nodes, frame, in_memory=given is not None):
        if isinstance(stage.node, Overlay) and stage.node.layer not in ready:
            touched += ledger.make_ready(stage.node.layer)
            ready[stage.node.layer] = layer_bytes(stage.node.layer)
        ledger.enter(stage)
        touched += stage.made.size.pixels * stage.made.pages
        if isinstance(stage.node, Decode):
            decoded, passes = touched, passes + 1
        frame = stage.made
    ledger.finish(frame, ending)
    return Cost(ledger.peak, touched, decoded, passes)


@dataclass
class _Ledger:
    """Bytes while a run is followed.

    `kept`: to its end. `read`: the picture in memory that the stream begins at. `let_go`: the
    one before that. `under_way`: rows of the stream so far. `asked`: how many more of them it
    takes when many are asked for at once. `peak`: the most at once.
    """

    facts: Facts
    kept: int = 0
    read: int = 0
    let_go: int = 0
    under_way: int = 0
    asked: int = 0
    peak: int = 0

    def make_ready(self, layer: Layer | Letters) -> int:
        """Take in a layer that is made on the way; gives the pixels that this touches."""
        size = layer_bytes(layer)
        if isinstance(layer, Letters):
            cost = Cost(2 * size, layer.width * layer.height)
            self.kept += FONTS
        else:
            cost = _cost_of_run(layer.nodes, layer.facts, size)
        self._reach(cost.peak_bytes)
        self.kept += size * 3 // 2  # it is copied, and the gap is not filled
        return cost.pixels_touched

    def enter(self, stage: Stage) -> None:
        """Take a node in."""
        if stage.before is Before.MEMORY:
            self._put_into_memory(stage.given)
        elif stage.before is not Before.NOTHING:
            held = HELD_ROWS if stage.before is Before.ROWS else HELD_TILES
            self.under_way += _rows(stage.given, held)
            self.asked = ASKED
        match stage.node:
            case Decode(pages=pages):
                self.under_way += decoder(self.facts, pages).most + _read(stage.made)
                self.asked = ASKED
            case ToSrgb(profile=profile):
                self.kept += PROFILES * (profile or self.facts.bands == CMYK)
                self.asked += ASKED_DEEP * (self.facts.depth > 8)
            case Premultiply():
                self.asked += ASKED_ALPHA
            case Resample():
                self.under_way += _rows(stage.given, round(_beyond(stage) * self.asked), TALL)
            case Rotate():
                self.kept += TURNING
            case Blur():
                self.kept += BLURRING + BLURRING_ALPHA * stage.given.alpha
        self.under_way += rows_under_way(stage.node, stage.given, stage.made)
        if isinstance(stage.node, Blur) and stage.node.shrink > 1:
            self._put_into_memory(_shrunk(stage.given, stage.node.shrink))
            self.under_way += _rows(stage.made, ENLARGED)

    def finish(self, frame: Frame, ending: int) -> None:
        """Come to the end."""
        self._reach(_written(frame) + ending)

    def _put_into_memory(self, frame: Frame) -> None:
        self.finish(frame, frame.bytes)
        self.let_go = self.read if self.read < HEAP else 0
        self.read, self.under_way, self.asked = frame.bytes, 0, 0

    def _reach(self, more: int) -> None:
        now = self.kept + self.let_go + self.read + self.under_way + more
        self.peak = max(self.peak, now)


def _beyond(stage: Stage) -> float:
    """Tell by how many times more than `FREELY` a picture is scaled down, row by row."""
    times = stage.given.height / stage.made.height
    return 2 if times >= WHOLLY else max(0, times - FREELY)


def _read(frame: Frame) -> int:
    return _rows(frame, READ, TALL)


def _written(frame: Frame) -> int:
    return _rows(frame, WRITTEN, TALL)


def _rows(frame: Frame, count: int, full: int = FULL) -> int:
    """Give the bytes of so many rows; pictures of less than `full` rows keep a share of them."""
    return frame.bytes * count * min(frame.height, full) // (frame.height * full)


def _shrunk(frame: Frame, factor: int) -> Frame:
    """Give the frame that a great blur works on, as it is first put into memory."""
    return frame.sized(-(-frame.width // factor), frame.height)


@singledispatch
def rows_under_way(node: Node, given: Frame, made: Frame) -> int:
    """Predict the bytes of the rows that a node keeps while it streams."""
    return _rows(made, 80)


@rows_under_way.register
def _(node: Resample, given: Frame, made: Frame) -> int:
    return _rows(given, 1_250) + _rows(made, 300)


@rows_under_way.register
def _(node: Premultiply | Unpremultiply, given: Frame, made: Frame) -> int:
    return _rows(made, 350)


@rows_under_way.register
def _(node: Convolve, given: Frame, made: Frame) -> int:
    return _rows(made, 900 if made.alpha else 250)


@rows_under_way.register
def _(node: Blur, given: Frame, made: Frame) -> int:
    return _rows(made, 900 if node.shrink > 1 else 400)


@rows_under_way.register
def _(node: SelectiveBlur, given: Frame, made: Frame) -> int:
    return _rows(made, 5_500)


@rows_under_way.register
def _(node: Enhance, given: Frame, made: Frame) -> int:
    return _rows(made, 22_000)


@rows_under_way.register
def _(node: Overlay, given: Frame, made: Frame) -> int:
    return _rows(made, 900 if made.alpha else 300)


def layer_bytes(layer: Layer | Letters) -> int:
    """Give the bytes of a layer that is ready, RGBA at most."""
    if isinstance(layer, Letters):
        return 4 * layer.width * layer.height
    return layer.frame.bytes
