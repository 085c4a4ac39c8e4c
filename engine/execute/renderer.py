"""Renders plans of one source: lowers and evaluates them, encodes, and rejects damaged images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock

from msgspec import Struct
from msgspec.structs import replace

from engine.describe import describe
from engine.errors import DarkroomError
from engine.execute.damage import DamageFinder
from engine.execute.encoding import encode
from engine.execute.executor import Executor
from engine.execute.measuring import measure
from engine.execute.plan_cache import Reused
from engine.execute.planning import is_animated
from engine.expand import Resolved
from engine.ir import Frame, Measured, Measurement, Node, Plan
from engine.limits import EngineLimits
from engine.lower import LoweringContext, lower, palette_in_srgb, prepare_layers
from engine.schema import Description, Format, Job, Watermark
from engine.sources import TRAITS, Facts, PartialSource, Source, rights_only
from engine.vips import Image, Palette, codecs, images, miniature, read_facts


class Output(Struct, frozen=True):
    """A result: its encoded bytes, and what they contain.

    `damaged` tells that the job took what could be read of a damaged image.
    """

    data: bytes
    format: Format
    width: int
    height: int
    frames: int = 1
    damaged: bool = False
    description: Description | None = None

    @property
    def content_type(self) -> str:
        """The media type that the bytes are served with."""
        return TRAITS[self.format].content_type


@dataclass
class Stats:
    """What rendering took, added up over the jobs that it is given to.

    `decode_passes` counts how often a source was read from its start, `pixels_decoded` the
    pixels that these readings decode in all, `vips_operations` the libvips operations built.
    `source` is what the header says. `plan_seconds` is the time that planning took by the
    caller's `clock`; the engine has none of its own, so it is 0 without. `plans` counts those that
    were made before. `predicted_bytes` is the predicted peak of memory once all jobs are rendered
    on one thread, 0 for a batch of few pixels; `predicted_seconds` are those of one core.
    """

    decode_passes: int = 0
    pixels_decoded: int = 0
    vips_operations: int = 0
    source: Facts | None = None
    plan_seconds: float = 0.0
    predicted_bytes: int = 0
    predicted_seconds: float = 0.0
    plans: Reused = field(default_factory=Reused)
    clock: Callable[[], float] = float


Inputs = Mapping[str, Source | DarkroomError]
NO_INPUTS: Inputs = {}


def input_keys(jobs: Sequence[Job]) -> list[str]:
    """List the keys of the watermarks that jobs need, each once, in their order."""
    transformations = (each for job in jobs for each in job.transformations)
    return list(dict.fromkeys(each.key for each in transformations if isinstance(each, Watermark)))


class Rendering:
    """One source while its jobs are rendered: its facts, its inputs, what was measured."""

    def __init__(self, source: Source, inputs: Inputs, limits: EngineLimits, stats: Stats) -> None:
        self.limits = limits
        self.stats = stats
        self.facts = stats.source = read_facts(source, limits)
        self.resolved = Resolved({key: facts_of_input(key, inputs[key], limits) for key in inputs})
        sources = {key: found for key, found in inputs.items() if isinstance(found, Source)}
        self.context = LoweringContext(source, sources)
        self.measured: dict[tuple[tuple[Node, ...], Measurement | None], Measured] = {}
        self.finder = DamageFinder(self.context, self.facts)
        self._lock = Lock()

    def start_over(self) -> None:
        """Forget what was found out about damage."""
        self.finder = DamageFinder(self.context, self.facts)

    def prepare(self, plan: Plan) -> None:
        """Prepare the layers of a plan."""
        with self.finder.attributing_errors(plan):
            prepare_layers(plan, self.context)

    def measure(self, plan: Plan) -> Measured:
        """Measure what a plan needs, once for all plans that need the same of the same nodes."""
        assert plan.measurement is not None  # noqa: S101 - it needs pixels
        key = plan.measuring_key
        if key not in self.measured:
            with self.finder.attributing_errors(plan):
                lowered = partial(self._measured_frames, plan)
                self.measured[key] = measure(plan.measurement, lowered)
        return self.measured[key]

    def make(self, executor: Executor, index: int, plan: Plan) -> Output:
        """Evaluate a job's pipeline on what it shares with others, and encode the result."""
        with self.finder.attributing_errors(plan) as warnings:
            output = self._encoded(executor.image(index), plan)
        return self._checked(output, plan, [*warnings, *executor.warnings(index)])

    def execute(self, plan: Plan) -> Output:
        """Lower a plan by itself, evaluate it once and encode the result."""
        with self.finder.attributing_errors(plan) as warnings:
            if is_animated(plan):
                stills = map(images.as_image, self._frames(plan))
                strip = images.animation(stills, self.facts.delays, self.facts.loop)
                output = self._encoded(strip, plan)
                del strip, stills
            else:
                output = self._encoded(next(self._frames(plan)), plan)
        return self._checked(output, plan, warnings)

    def _checked(self, output: Output, plan: Plan, warnings: list[str]) -> Output:
        """Refuse a result of a damaged image, or mark it if the job accepts that."""
        error = self.finder.damage(plan) if self.finder.suspects(plan, warnings) else None
        if error is None:
            return output
        if not plan.tolerant:
            raise error
        return replace(output, damaged=True)

    def _encoded(self, pixels: images.Pixels, plan: Plan) -> Output:
        labels = self.rights if plan.save.rights else {}
        palette = self.palette if plan.save.packed and plan.save.packed.palette else None
        data = encode(pixels, plan, labels, palette)
        pages, saved = plan.frame.pages, plan.save
        told = describe(miniature(data, saved.format), saved.described) if saved.described else None
        size = pixels.width, pixels.height // pages
        return Output(data, saved.format, *size, pages, description=told)

    @cached_property
    def rights(self) -> dict[str, bytes]:
        """The source's artist and copyright, as labels for a result."""
        image = codecs.open_header(self.context.source, self.facts.format)
        return rights_only(self.context.source, self.facts.format, images.labels_of(image))

    @cached_property
    def palette(self) -> Palette:
        """The colours that the source's pixels are places among, as sRGB."""
        return palette_in_srgb(self.context.source, self.facts)

    def _frames(self, plan: Plan) -> Iterator[images.Pixels]:
        self.count_decoding(plan.frames[0])
        return lower(plan, self.context.of(plan.exact))

    def _measured_frames(self, plan: Plan) -> Iterator[Image]:
        """Give the frames as libvips makes them: bars are the same whatever is near enough."""
        self.count_decoding(plan.frames[0])
        return map(images.as_image, lower(plan, self.context))

    def count_decoding(self, frame: Frame) -> None:
        """Count one reading of the source, by the frame that it decodes."""
        with self._lock:
            self.stats.decode_passes += 1
            self.stats.pixels_decoded += frame.size.pixels * frame.pages


def facts_of_input(
    key: str, found: Source | PartialSource | DarkroomError, limits: EngineLimits
) -> Facts | DarkroomError:
    """Read the header of a watermark; its error is raised by the jobs that need it."""
    if isinstance(found, DarkroomError):
        return found
    try:
        with _naming(key):
            return read_facts(found, limits)
    except DarkroomError as error:
        return error


@contextmanager
def _naming(key: str) -> Iterator[None]:
    """Prefix errors with the key of the input that they are about."""
    try:
        yield
    except DarkroomError as error:
        error.args = (f"{key}: {error.message}",)
        raise
