"""Expands the transformations that scale, crop and move."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, cos, radians, sin

from engine import schema
from engine.errors import TransformationFailed
from engine.expand.builder import PlanBuilder, add_nodes
from engine.expand.placement import place, resolve_size, scale_to_cover, scale_to_fit
from engine.geometry import Box, Size, rnd
from engine.ir import RGBA, Canvas, Crop, Orient, Rotate
from engine.schema import FitType, Gravity, Offset

AT_ANCHOR = Offset(0)


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
