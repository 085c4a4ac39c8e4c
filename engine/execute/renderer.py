"""From a source and its jobs to encoded bytes: plan, lower, pull."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from msgspec import UNSET, Struct

from engine.batch import Branch, share
from engine.cost import check_memory, room_to_hold
from engine.errors import DarkroomError
from engine.execute import letterbox_detection
from engine.execute.executor import Grove
from engine.expand import NOTHING_MORE, Known, expand
from engine.geometry import Box
from engine.ir import Frame, Layer, Node, Overlay, Plan
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.lower import Bench, lower
from engine.passes import optimise
from engine.schema import Format, Job, Mode, Ulb, Watermark
from engine.sources import TRAITS, Facts, PartialSource, Source, rights_only
from engine.vips import binding, codecs, images, read_facts


class Output(Struct, frozen=True):
    """A finished picture: its bytes, and what they hold."""

    data: bytes
    format: Format
    width: int
    height: int
    frames: int = 1

    @property
    def content_type(self) -> str:
        """The media type that the bytes are served with."""
        return TRAITS[self.format].content_type


@dataclass
class Stats:
    """What rendering took, added up over the jobs that it is given to.

    `decode_passes` counts how often a source was read from its start, `pixels_decoded`
    what these readings decode in all, `vips_operations` the libvips operations built.
    `source` is what the header told. `plan_seconds` is the part of the time that planning
    took by the caller's `clock`; the engine has none of its own, so it is 0 without.
    """

    decode_passes: int = 0
    pixels_decoded: int = 0
    vips_operations: int = 0
    source: Facts | None = None
    plan_seconds: float = 0.0
    clock: Callable[[], float] = float


Result = tuple[int, Output | DarkroomError]
Inputs = Mapping[str, Source | DarkroomError]
Groups = Sequence[Sequence[int]]
AT_ONCE = ()  # no nodes that would have to be made and looked at
NO_INPUTS: Inputs = {}


def render(
    source: Source,
    jobs: Sequence[Job],
    *,
    inputs: Inputs = NO_INPUTS,
    limits: EngineLimits = DEFAULT_LIMITS,
    stats: Stats | None = None,
    wanted: Collection[int] | None = None,
) -> Iterator[Result]:
    """Make the jobs' pictures, one after the other, each given as soon as it is ready.

    `inputs` are the watermarks by key; one that cannot be had is given as its error, which
    ends only the jobs that ask for it. Gives the job's index with its output, or with the
    error that ended this job alone; an error of the source itself is given for every job.

    `wanted` are the indexes of those that are to be made, all if it is left out. What a job
    is made from depends on the jobs beside it, so a batch that is made in parts, each time
    with all its jobs at hand, comes out byte for byte as if it were made at once.
    """
    wanted = sorted(range(len(jobs)) if wanted is None else wanted)
    try:
        rendering = Rendering(source, inputs, limits, stats if stats is not None else Stats())
    except DarkroomError as error:
        yield from ((index, error) for index in wanted)
        return
    yield from rendering.outcomes(jobs, wanted)


def input_keys(jobs: Sequence[Job]) -> list[str]:
    """List the keys of the other pictures that jobs need, each once, in their order."""
    words = (words for job in jobs for words in job.transformations)
    return list(dict.fromkeys(word.key for word in words if isinstance(word, Watermark)))


def plan(
    job: Job, facts: Facts, limits: EngineLimits = DEFAULT_LIMITS, known: Known = NOTHING_MORE
) -> Plan:
    """Give the plan that is carried out for a job: expanded, optimised, and found to fit."""
    made = optimise(expand(job, facts, limits, known), mode_of(job, limits), verify_each=False)
    check_memory(made, limits)
    return made


def kin(jobs: Sequence[Job], plans: Mapping[int, Plan]) -> Groups:
    """Group the jobs that may share, by the plans that the header alone allows.

    Those that look at pixels share with those that look once, at the same; so who is in a
    group is known before anything is looked at, whichever of its jobs are done.
    """
    groups: dict[int | tuple[Node, ...], list[int]] = {}
    for index, made in plans.items():
        alone = (
            _moves(made) or sum(isinstance(word, Ulb) for word in jobs[index].transformations) > 1
        )
        key = index if alone else AT_ONCE if made.awaits is None else made.nodes
        groups.setdefault(key, []).append(index)
    return list(groups.values())


def those_that_hold(groups: Groups) -> int:
    """Count the groups that may hold pixels at the same time, at least 1."""
    return max(1, sum(len(group) > 1 for group in groups))


def mode_of(job: Job, limits: EngineLimits) -> Mode:
    """Tell how near to the letter a job is done."""
    return limits.mode if job.mode is UNSET else job.mode


class Rendering:
    """One source while its jobs are done: what was read of it, and what was made ready."""

    def __init__(self, source: Source, inputs: Inputs, limits: EngineLimits, stats: Stats) -> None:
        self.limits = limits
        self.stats = stats
        self.facts = stats.source = read_facts(source, limits)
        self.known = Known({key: facts_of_input(key, inputs[key], limits) for key in inputs})
        pictures = {key: found for key, found in inputs.items() if isinstance(found, Source)}
        self.bench = Bench(source, pictures)
        self.measured: dict[tuple[Node, ...], Box] = {}
        self.damaged: DarkroomError | None = None

    def outcomes(self, jobs: Sequence[Job], wanted: Sequence[int]) -> Iterator[Result]:
        """Do the wanted jobs in their order; a job's error is a result like another.

        What the header alone decides is planned first. What depends on pixels is planned
        when the first such job has its turn, and shares what it can with its own kin.
        """
        settled = [self._settled(job, looking=False) for job in jobs]
        plans = {index: made for index, made in enumerate(settled) if isinstance(made, Plan)}
        groups = kin(jobs, plans)
        grove = Grove((), self.facts, self.bench, self._count_decoding)
        grove.done.update(set(range(len(jobs))).difference(wanted))
        for group in groups:
            if plans[group[0]].awaits is None:
                grove.trees += self._shared(jobs, {i: plans[i] for i in group}, groups)
        for index in wanted:
            if _awaits(settled[index]):
                group = next(group for group in groups if index in group)
                looked = {other: self._settled(jobs[other], looking=True) for other in group}
                grove.trees += self._shared(jobs, looked, groups)
                for other, made in looked.items():
                    settled[other] = made
            yield index, self._outcome(index, settled[index], grove)
            grove.finish(index)

    def _settled(self, job: Job, looking: bool) -> Plan | DarkroomError:
        """Plan a job to its end or, if not `looking` at pixels, to where it needs them."""
        measured: dict[int, Box] = {}
        try:
            while (made := self._plan(job, measured)).awaits is not None and looking:
                measured[made.awaits] = self._measure(made)
        except DarkroomError as error:
            return error
        return made

    def _plan(self, job: Job, measured: Mapping[int, Box]) -> Plan:
        began = self.stats.clock()
        made = plan(job, self.facts, self.limits, Known(self.known.inputs, measured))
        self.stats.plan_seconds += self.stats.clock() - began
        return made

    def _measure(self, made: Plan) -> Box:
        """Look for bars in what a plan makes; once for all plans that make the same."""
        if made.nodes not in self.measured:
            with self._counting(), self._blaming_the_damaged(made):
                self.measured[made.nodes] = letterbox_detection.measure(self._stills(made))
        return self.measured[made.nodes]

    def _shared(
        self, jobs: Sequence[Job], settled: Mapping[int, Plan | DarkroomError], groups: Groups
    ) -> tuple[Branch, ...]:
        """Bring together what was planned to its end, of one of the groups that share."""
        began = self.stats.clock()
        plans = {
            index: made
            for index, made in settled.items()
            if isinstance(made, Plan) and not _moves(made)
        }
        to_the_letter = {i for i in plans if mode_of(jobs[i], self.limits) is Mode.EXACT}
        room = room_to_hold(plans.values(), self.limits) // those_that_hold(groups)
        trees = share(plans, room, to_the_letter)
        self.stats.plan_seconds += self.stats.clock() - began
        return trees

    def _outcome(
        self, index: int, made: Plan | DarkroomError, grove: Grove
    ) -> Output | DarkroomError:
        if isinstance(made, DarkroomError):
            return made
        try:
            if _moves(made):
                return self.carry_out(made)
            with self._counting(), self._blaming_the_damaged(made):
                return self._encoded(grove.image(index), made)
        except DarkroomError as error:
            return error

    def carry_out(self, made: Plan) -> Output:
        """Lower a plan by itself, pull it once and encode what comes out."""
        with self._counting(), self._blaming_the_damaged(made):
            stills = self._stills(made)
            if _moves(made):
                strip = images.animation(stills, self.facts.delays, self.facts.loop)
                return self._encoded(strip, made)
            return self._encoded(next(stills), made)

    def _encoded(self, image: binding.Image, made: Plan) -> Output:
        data = codecs.encode(image, made.save, self.rights if made.save.rights else {})
        pages = made.frame.pages
        return Output(data, made.save.format, image.width, image.height // pages, pages)

    @cached_property
    def rights(self) -> dict[str, bytes]:
        """The source's artist and copyright, as labels for a result."""
        image = binding.open_image(self.bench.source, self.facts.format)
        return rights_only(self.bench.source, self.facts.format, images.labels_of(image))

    def _stills(self, made: Plan) -> Iterator[binding.Image]:
        self._count_decoding(made.frames[0])
        return lower(made, self.bench)

    def _count_decoding(self, frame: Frame) -> None:
        self.stats.decode_passes += 1
        self.stats.pixels_decoded += frame.size.pixels * frame.pages

    @contextmanager
    def _counting(self) -> Iterator[None]:
        before = binding.COUNTER.operations
        try:
            yield
        finally:
            self.stats.vips_operations += binding.COUNTER.operations - before

    @contextmanager
    def _blaming_the_damaged(self, made: Plan) -> Iterator[None]:
        """Find out which picture is damaged when a plan cannot be carried out."""
        if self.damaged is not None:
            raise self.damaged
        try:
            with binding.render_errors():
                yield
        except DarkroomError:
            self._drain_source()
            for layer in _layers(made):
                with _about(layer.source):
                    binding.drain(
                        binding.open_image(self.bench.inputs[layer.source], layer.facts.format)
                    )
            raise

    def _drain_source(self) -> None:
        """Decode the source alone; if it is damaged, no other job need try."""
        try:
            binding.drain(
                codecs.load(self.bench.source, self.facts.format, pages=self.facts.frames)
            )
        except DarkroomError as error:
            self.damaged = error
            raise


def _awaits(made: Plan | DarkroomError) -> bool:
    return isinstance(made, Plan) and made.awaits is not None


def _moves(made: Plan) -> bool:
    """Tell whether a plan makes an animation: it is carried out alone, frame by frame."""
    return made.frames[0].pages > 1


def _layers(made: Plan) -> Iterator[Layer]:
    for node in made.nodes:
        if isinstance(node, Overlay) and isinstance(node.layer, Layer):
            yield node.layer


def facts_of_input(
    key: str, found: Source | PartialSource | DarkroomError, limits: EngineLimits
) -> Facts | DarkroomError:
    """Read the header of a watermark; what is wrong with it is told when a job asks for it."""
    if isinstance(found, DarkroomError):
        return found
    try:
        with _about(key):
            return read_facts(found, limits)
    except DarkroomError as error:
        return error


@contextmanager
def _about(key: str) -> Iterator[None]:
    """Let an error tell which picture it is about."""
    try:
        yield
    except DarkroomError as error:
        error.args = (f"{key}: {error.message}",)
        raise
