"""Expands a job of the request schema into a plan of the IR: the only step between the two.

`expand` follows a job transformation by transformation and knows nothing of speed. Every size
becomes a number here, and every limit on sizes is checked here, before any pixel is touched.
The modules register how their transformations are expanded when they are imported.
"""

from msgspec import UNSET

from engine import schema
from engine.errors import OutputTooLarge
from engine.expand import colour, filters, geometry, overlays  # noqa: F401 - they register
from engine.expand.builder import (
    NOTHING_RESOLVED,
    PlanBuilder,
    Resolved,
    add_nodes,
    measurement_of,
    to_working_image,
)
from engine.expand.packing import packed, packed_options
from engine.ir import Flatten, Plan, QualitySearch, Save
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.schema import Damaged, Format, Job
from engine.sources import TRAITS, Facts


def expand(
    job: Job,
    facts: Facts,
    limits: EngineLimits = DEFAULT_LIMITS,
    resolved: Resolved = NOTHING_RESOLVED,
) -> Plan:
    """Build the plan of a job exactly as it is written.

    Where a transformation depends on pixels that were not measured, the plan ends before it
    and says so in `needs_pixels`. Raises LimitExceeded, TransformationFailed for what is
    impossible with this image, and the error of an input that cannot be fetched.
    """
    builder = PlanBuilder(facts, limits, resolved, "the source", job.damaged is Damaged.ACCEPT)
    to_working_image(builder, facts.frames if TRAITS[job.output_format].animated else 1)
    for index, transformation in enumerate(job.transformations):
        builder.index = index
        builder.where = f"transformations[{index}] ({type(transformation).__name__.lower()})"
        if index not in resolved.measured:
            measurement = measurement_of(transformation, builder)
            if measurement is not None:
                return Plan(
                    facts,
                    tuple(builder.nodes),
                    _save(job, builder),
                    needs_pixels=index,
                    measurement=measurement,
                    exact=mode_of(job, limits) is schema.Mode.EXACT,
                )
        add_nodes(transformation, builder)
    return _to_save(builder, job)


def _to_save(builder: PlanBuilder, job: Job) -> Plan:
    traits = TRAITS[job.output_format]
    if builder.frame.alpha and not (traits.alpha and job.save_options.alpha):
        builder.add(Flatten((*job.background[:3], 255)))
    builder.check_size("the result")
    _check_format(builder, job.output_format)
    exact = mode_of(job, builder.limits) is schema.Mode.EXACT
    return Plan(builder.facts, tuple(builder.nodes), _save(job, builder), exact=exact)


def mode_of(job: Job, limits: EngineLimits) -> schema.Mode:
    """Return the fidelity that a job is rendered with."""
    return limits.mode if job.mode is UNSET else job.mode


def _save(job: Job, builder: PlanBuilder) -> Save:
    options = job.save_options
    number = 100 if job.quality.number is None else max(1, job.quality.number)
    quality = number if options.lossy else 100
    kept = packed(job, builder.nodes, builder.facts)
    options = packed_options(job, kept) if kept else options
    return Save(
        job.output_format,
        quality,
        options,
        rights="copyright" in job.keep,
        search=_search(job),
        packed=kept,
        described=job.describe.names,
    )


def _search(job: Job) -> QualitySearch | None:
    if not job.searches_quality:
        return None
    most = None if job.max_bytes is UNSET else int(job.max_bytes)
    return QualitySearch(job.least_similarity, most)


def _check_format(builder: PlanBuilder, wanted: Format) -> None:
    allowed, found = TRAITS[wanted].max_side, max(builder.size)
    if found > allowed:
        what = f"the result would be too large for {wanted.value} ({builder.size})"
        raise OutputTooLarge(what, f"of {wanted.value} itself", allowed, found, "pixels a side")
