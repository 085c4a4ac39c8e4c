"""Expands a job of the request schema into a plan of the IR: the only step between the two.

`expand` follows a job transformation by transformation and knows nothing of speed. Every size
becomes a number here, and every limit on sizes is checked here, before any pixel is touched.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import singledispatch
from math import ceil, cos, radians, sin

from msgspec import UNSET

from engine import schema
from engine.errors import DarkroomError, LimitExceeded, OutputTooLarge, TransformationFailed
from engine.expand.builder import NOTHING_RESOLVED, PlanBuilder, Resolved
from engine.expand.placement import place, resolve_size, scale_to_cover, scale_to_fit
from engine.expand.text_layout import text_layer_of
from engine.geometry import Box, Size, rnd
from engine.ir import (
    RGBA,
    Blur,
    Canvas,
    Convolve,
    Crop,
    Decode,
    Enhance,
    Flatten,
    ImageLayer,
    Luma,
    Node,
    Orient,
    Overlay,
    Plan,
    Rotate,
    Save,
    SelectiveBlur,
    Table,
    Tint,
    ToSrgb,
    curves,
)
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.schema import FilterName, FitType, Format, Gravity, Job, Offset
from engine.sources import TRAITS, Facts

AT_ANCHOR = Offset(0)


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
    builder = PlanBuilder(facts, limits, resolved, "the source")
    _to_working_image(builder, facts.frames if TRAITS[job.output_format].animated else 1)
    for index, transformation in enumerate(job.transformations):
        if isinstance(transformation, schema.Ulb) and index not in resolved.measured:
            return Plan(facts, tuple(builder.nodes), _save(job), needs_pixels=index)
        builder.index = index
        builder.where = f"transformations[{index}] ({type(transformation).__name__.lower()})"
        add_nodes(transformation, builder)
    return _to_save(builder, job)


def _to_working_image(builder: PlanBuilder, pages: int = 1) -> None:
    upright = Orient.of_orientation(builder.facts.orientation)
    builder.add(Decode(pages=pages), ToSrgb(builder.facts.profile), upright)


def _to_save(builder: PlanBuilder, job: Job) -> Plan:
    traits = TRAITS[job.output_format]
    if builder.frame.alpha and not (traits.alpha and job.save_options.alpha):
        builder.add(Flatten())
    builder.check_size("the result")
    _check_format(builder, job.output_format)
    return Plan(builder.facts, tuple(builder.nodes), _save(job))


def _save(job: Job) -> Save:
    options = job.save_options
    quality = max(1, int(job.quality)) if options.lossy else 100
    return Save(job.output_format, quality, options, "copyright" in job.keep)


def _check_format(builder: PlanBuilder, wanted: Format) -> None:
    allowed, found = TRAITS[wanted].max_side, max(builder.size)
    if found > allowed:
        what = f"the result would be too large for {wanted.value} ({builder.size})"
        raise OutputTooLarge(what, f"of {wanted.value} itself", allowed, found, "pixels a side")


@singledispatch
def add_nodes(transformation: schema.Transform, builder: PlanBuilder) -> None:
    """Append the nodes of one transformation."""
    raise TypeError(f"nothing expands {type(transformation).__name__}")


@add_nodes.register
def _brightness(options: schema.Brightness, builder: PlanBuilder) -> None:
    builder.add(Table((curves.add(int(options.bright_level)),) * 3))


@add_nodes.register
def _colorize(options: schema.Colorize, builder: PlanBuilder) -> None:
    amounts = (options.red, options.green, options.blue)
    builder.add(Table(tuple(curves.add(int(amount)) for amount in amounts)))


@add_nodes.register
def _contrast(options: schema.Contrast, builder: PlanBuilder) -> None:
    builder.add(Table((curves.contrast(int(options.level)),) * 3))


@add_nodes.register
def _filter(options: schema.Filter, builder: PlanBuilder) -> None:
    builder.add(*FILTERS[options.filter])


FILTERS: dict[FilterName, tuple[Node, ...]] = {
    FilterName.NEGATE: (Table((curves.NEGATIVE,) * 3),),
    FilterName.GRAYSCALE: (Luma(), Tint((curves.IDENTITY,) * 3)),
    FilterName.SEPIA: (Luma(), Tint((curves.add(90), curves.add(60), curves.add(40)))),
    FilterName.BW: (Luma(), Tint((curves.threshold(128),) * 3)),
    FilterName.EDGEDETECT: (Convolve((-1, 0, -1, 0, 4, 0, -1, 0, -1), offset=127),),
    FilterName.EMBOSS: (Convolve((3, 0, 0, 0, 0, 0, 0, 0, -3), divisor=2, offset=127),),
    FilterName.BLURGAUSSIAN: (Convolve((1, 2, 1, 2, 4, 2, 1, 2, 1), divisor=16),),
    FilterName.MEANREMOVAL: (Convolve((-1, -1, -1, -1, 9, -1, -1, -1, -1)),),
    FilterName.SMOOTH: (Convolve((1, 1, 1, 1, 6, 1, 1, 1, 1), divisor=14),),
    FilterName.BLURSELECTIVE: (SelectiveBlur(),),
}


@add_nodes.register
def _blur(options: schema.Blur, builder: PlanBuilder) -> None:
    radius = 0.0 if options.radius is UNSET else float(options.radius)
    sigma = radius / 2 if options.sigma is UNSET else float(options.sigma)
    if sigma > 0:
        extent = max(1, ceil(3.5 * sigma))  # weights further out are less than a level
        builder.add_premultiplied(Blur(sigma, min(extent, ceil(radius)) if radius > 0 else extent))


@add_nodes.register
def _enhance(options: schema.Enhance, builder: PlanBuilder) -> None:
    builder.add(Enhance())


@add_nodes.register
def _flip(options: schema.Flip, builder: PlanBuilder) -> None:
    builder.add(Orient(mirror=True, quarters=0 if options.direction.sideways else 2))


@add_nodes.register
def _resize(options: schema.Resize, builder: PlanBuilder) -> None:
    builder.resample(resolve_size(options.width, options.height, builder.size))


@add_nodes.register
def _zoom(options: schema.Zoom, builder: PlanBuilder) -> None:
    wanted = resolve_size(options.width, options.height, builder.size)
    tenths = _zoom_tenths(options.level, wanted, builder.size)
    builder.resample(Size(wanted.width * tenths // 10, wanted.height * tenths // 10))


def _zoom_tenths(level: float, wanted: Size, image: Size) -> int:
    """Find how far the wanted size may be multiplied before the image is enlarged."""
    exact = max(Fraction(1), Fraction(repr(float(level))))
    tenths = ceil(exact * 2) * 5 if exact > 3 else rnd(exact * 10)
    while tenths > 10 and (
        wanted.width * tenths > image.width * 10 or wanted.height * tenths > image.height * 10
    ):
        tenths -= 5 if tenths > 30 else 1
    return tenths


@add_nodes.register
def _crop(options: schema.Crop, builder: PlanBuilder) -> None:
    wanted = resolve_size(options.width, options.height, builder.size)
    if options.fit:
        _crop_to_fit(options, wanted, builder)
        return
    window = place(wanted, builder.size, options.gravity, options.xoffset, options.yoffset)
    seen = window.within(builder.size)
    if seen is None:
        raise TransformationFailed(
            f"{builder.where}: crop area lies outside the image: {window} of {builder.size}"
        )
    builder.add(Crop(seen))


def _crop_to_fit(options: schema.Crop, wanted: Size, builder: PlanBuilder) -> None:
    """Scale down until the window is just covered, then crop it, shifted inside."""
    window = Size(min(wanted.width, builder.size.width), min(wanted.height, builder.size.height))
    builder.resample(scale_to_cover(builder.size, window))
    box = place(window, builder.size, options.gravity, options.xoffset, options.yoffset)
    builder.add(Crop(box.pushed_into(builder.size)))


@add_nodes.register
def _fitmethod(options: schema.FitMethod, builder: PlanBuilder) -> None:
    wanted = resolve_size(options.width, options.height, builder.size)
    builder.resample(SCALED_SIZES[options.fit_type](builder.size, wanted))
    if options.fit_type is FitType.CROPBOX:
        builder.add(Crop(_anchored(wanted, builder.size, options.gravity)))
    elif options.fit_type is FitType.LETTERBOX:
        left, top, _, _ = _anchored(builder.size, wanted, options.gravity)
        builder.add(Canvas(*wanted, left, top, _fill(options)))


SCALED_SIZES: dict[FitType, Callable[[Size, Size], Size]] = {
    FitType.STRETCH: lambda image, wanted: wanted,
    FitType.BOX: scale_to_fit,
    FitType.LETTERBOX: scale_to_fit,
    FitType.OUTSIDE: scale_to_cover,
    FitType.CROPBOX: scale_to_cover,
}


def _anchored(size: Size, area: Size, gravity: Gravity) -> Box:
    return place(size, area, gravity, AT_ANCHOR, AT_ANCHOR)


def _fill(options: schema.FitMethod) -> RGBA:
    """Give the fill: the colour's own alpha (255 unless written) times the opacity."""
    red, green, blue, alpha = options.color
    return red, green, blue, rnd(Fraction(repr(float(options.opacity))) * alpha / 10)


@add_nodes.register
def _rotate(options: schema.Rotate, builder: PlanBuilder) -> None:
    quarters, remainder = divmod(float(options.degrees), 90)
    if remainder == 0:
        builder.add(Orient(quarters=int(quarters) % 4))
    else:
        builder.add_premultiplied(
            Rotate(float(options.degrees), *_rotated_canvas(builder.size, options.degrees))
        )


def _rotated_canvas(size: Size, degrees: float) -> Size:
    """Give the canvas that a rotated image needs, rounded to the nearest pixel."""
    across, along = abs(cos(radians(degrees))), abs(sin(radians(degrees)))
    return Size(
        max(1, rnd(size.width * across + size.height * along)),
        max(1, rnd(size.width * along + size.height * across)),
    )


@add_nodes.register
def _ulb(options: schema.Ulb, builder: PlanBuilder) -> None:
    builder.add(Crop(builder.resolved.measured[builder.index]))


@add_nodes.register
def _watermark(options: schema.Watermark, builder: PlanBuilder) -> None:
    facts = _input_facts(options.key, builder)
    mark = PlanBuilder(facts, builder.limits, builder.resolved, builder.where)
    _to_working_image(mark)
    mark.resample(resolve_size(options.width, options.height, mark.size, reference=builder.size))
    box = place(mark.size, builder.size, options.gravity, options.xoffset, options.yoffset)
    builder.add(Overlay(ImageLayer(options.key, facts, tuple(mark.nodes)), box.left, box.top))


def _input_facts(key: str, builder: PlanBuilder) -> Facts:
    found = builder.resolved.inputs.get(key)
    if found is None:
        raise TransformationFailed(f"{builder.where}: no image was given for {key!r}")
    if isinstance(found, DarkroomError):
        raise found
    allowed = builder.limits.max_watermark_pixels
    if found.size.pixels > allowed:
        what = f"{builder.where}: the watermark is too large ({found.size})"
        raise LimitExceeded(what, "max_watermark_pixels", allowed, found.size.pixels, "pixels")
    return found


@add_nodes.register
def _annotation(options: schema.Annotation, builder: PlanBuilder) -> None:
    text = text_layer_of(options, builder)
    if any(line.strip() for line in text.lines):
        size = Size(text.width, text.height)
        box = place(size, builder.size, options.gravity, options.xoffset, options.yoffset)
        builder.add(Overlay(text, box.left, box.top))
