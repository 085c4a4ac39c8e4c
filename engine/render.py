"""From a source and its jobs to encoded bytes: plan, lower, pull."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from msgspec import Struct

from engine import bars, codecs, vips
from engine.draft import NOTHING_MORE, Known
from engine.errors import DarkroomError
from engine.expand import expand
from engine.facts import Facts
from engine.formats import TRAITS
from engine.geometry import Box
from engine.header import read_facts
from engine.ir import Plan
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.lower import Bench, lower
from engine.nodes import Layer, Overlay
from engine.passes import optimise
from engine.source import Source
from engine.transforms import Format, Job, Watermark


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
NO_INPUTS: Inputs = {}


def render(
    source: Source,
    jobs: Sequence[Job],
    *,
    inputs: Inputs = NO_INPUTS,
    limits: EngineLimits = DEFAULT_LIMITS,
    stats: Stats | None = None,
) -> Iterator[Result]:
    """Make the jobs' pictures, one after the other, each given as soon as it is ready.

    `inputs` are the watermarks by key; one that cannot be had is given as its error, which
    ends only the jobs that ask for it. Gives the job's index with its output, or with the
    error that ended this job alone; an error of the source itself is given for every job.
    """
    try:
        rendering = Rendering(source, inputs, limits, stats if stats is not None else Stats())
    except DarkroomError as error:
        yield from ((index, error) for index in range(len(jobs)))
        return
    for index, job in enumerate(jobs):
        yield index, rendering.outcome(job)


def input_keys(jobs: Sequence[Job]) -> list[str]:
    """List the keys of the other pictures that jobs need, each once, in their order."""
    words = (words for job in jobs for words in job.transformations)
    return list(dict.fromkeys(word.key for word in words if isinstance(word, Watermark)))


def plan(
    job: Job, facts: Facts, limits: EngineLimits = DEFAULT_LIMITS, known: Known = NOTHING_MORE
) -> Plan:
    """Give the plan that is carried out for a job: expanded, then optimised."""
    return optimise(expand(job, facts, limits, known))


class Rendering:
    """One source while its jobs are done: what was read of it, and what was made ready."""

    def __init__(self, source: Source, inputs: Inputs, limits: EngineLimits, stats: Stats) -> None:
        self.limits = limits
        self.stats = stats
        self.facts = stats.source = read_facts(source, limits)
        self.known = Known({key: facts_of_input(key, inputs[key], limits) for key in inputs})
        pictures = {key: found for key, found in inputs.items() if isinstance(found, Source)}
        self.bench = Bench(source, pictures)

    def outcome(self, job: Job) -> Output | DarkroomError:
        """Do one job; its error is a result like another."""
        before = vips.COUNTER.operations
        try:
            return self.carry_out(self.settle(job))
        except DarkroomError as error:
            return error
        finally:
            self.stats.vips_operations += vips.COUNTER.operations - before

    def settle(self, job: Job) -> Plan:
        """Plan a job to its end, looking at pixels where it depends on them."""
        measured: dict[int, Box] = {}
        while True:
            began = self.stats.clock()
            made = plan(job, self.facts, self.limits, Known(self.known.inputs, measured))
            self.stats.plan_seconds += self.stats.clock() - began
            if made.awaits is None:
                return made
            with self._blaming_the_damaged(made):
                measured[made.awaits] = bars.measure(self._image(made))

    def carry_out(self, made: Plan) -> Output:
        """Lower a plan, pull it once and encode what comes out."""
        with self._blaming_the_damaged(made):
            image = self._image(made)
            data = codecs.encode(image, made.save)
        return Output(data, made.save.format, image.width, image.height)

    def _image(self, made: Plan) -> vips.Image:
        self.stats.decode_passes += 1
        self.stats.pixels_decoded += made.frames[0].size.pixels
        return lower(made, self.bench)

    @contextmanager
    def _blaming_the_damaged(self, made: Plan) -> Iterator[None]:
        """Find out which picture is damaged when a plan cannot be carried out."""
        try:
            with vips.render_errors():
                yield
        except DarkroomError:
            vips.drain(vips.open_image(self.bench.source, self.facts.format))
            for layer in _layers(made):
                with _about(layer.source):
                    vips.drain(vips.open_image(self.bench.inputs[layer.source], layer.facts.format))
            raise


def _layers(made: Plan) -> Iterator[Layer]:
    for node in made.nodes:
        if isinstance(node, Overlay) and isinstance(node.layer, Layer):
            yield node.layer


def facts_of_input(
    key: str, found: Source | DarkroomError, limits: EngineLimits
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
