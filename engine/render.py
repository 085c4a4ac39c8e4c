"""From a source and its jobs to encoded bytes: plan, lower, pull."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import Struct

from engine import codecs, vips
from engine.errors import DarkroomError
from engine.expand import expand
from engine.facts import Facts, read_facts
from engine.formats import TRAITS
from engine.ir import Plan
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.lower import lower
from engine.passes import optimise
from engine.source import Source
from engine.transforms import Format, Job


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
    """

    decode_passes: int = 0
    pixels_decoded: int = 0
    vips_operations: int = 0


Result = tuple[int, Output | DarkroomError]


def render(
    source: Source,
    jobs: Sequence[Job],
    *,
    limits: EngineLimits = DEFAULT_LIMITS,
    stats: Stats | None = None,
) -> Iterator[Result]:
    """Make the jobs' pictures, one after the other, each given as soon as it is ready.

    Gives the job's index with its output, or with the error that ended this job alone; an
    error of the source itself is given for every job.
    """
    stats = stats if stats is not None else Stats()
    try:
        facts = read_facts(source, limits)
    except DarkroomError as error:
        yield from ((index, error) for index in range(len(jobs)))
        return
    for index, job in enumerate(jobs):
        yield index, _outcome(source, facts, job, limits, stats)


def plan(job: Job, facts: Facts, limits: EngineLimits = DEFAULT_LIMITS) -> Plan:
    """Give the plan that is carried out for a job: expanded, then optimised."""
    return optimise(expand(job, facts, limits))


def _outcome(
    source: Source, facts: Facts, job: Job, limits: EngineLimits, stats: Stats
) -> Output | DarkroomError:
    before = vips.COUNTER.operations
    try:
        return carry_out(plan(job, facts, limits), source, stats)
    except DarkroomError as error:
        return error
    finally:
        stats.vips_operations += vips.COUNTER.operations - before


def carry_out(made: Plan, source: Source, stats: Stats) -> Output:
    """Lower a plan, pull it once and encode what comes out."""
    stats.decode_passes += 1
    stats.pixels_decoded += made.frames[0].size.pixels
    try:
        with vips.render_errors():
            image = lower(made, source)
            data = codecs.encode(image, made.save)
    except DarkroomError:
        _blame_source(made.facts, source)
        raise
    return Output(data, made.save.format, image.width, image.height)


def _blame_source(facts: Facts, source: Source) -> None:
    """Raise SourceCorrupt if the source cannot even be decoded."""
    vips.drain(vips.open_image(source, facts.format))
