"""Expands the transformations that scale, crop and move."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from engine import schema
from engine.errors import TransformationFailed
from engine.expand.builder import PlanBuilder, add_nodes, measurement_of
from engine.expand.placement import (
    not_larger,
    place,
    place_around,
    resolve,
    resolve_extent,
    resolve_size,
    scale_to_cover,
    scale_to_fit,
    share_of,
    shifted,
)
from engine.geometry import Box, Size, rnd
from engine.ir import (
    RGBA,
    Attention,
    Bars,
    Border,
    Canvas,
    Crop,
    Flatten,
    Measurement,
    Orient,
    RoundCorners,
)
from engine.schema import CropGravity, FitType, Margin, Offset

AT_ANCHOR = Offset(0)


@add_nodes.register
def _flip(options: schema.Flip, builder: PlanBuilder) -> None:
    builder.add(Orient(mirror=True, quarters=0 if options.direction.sideways else 2))


@add_nodes.register
def _resize(options: schema.Resize, builder: PlanBuilder) -> None:
    wanted = resolve_size(options.width, options.height, builder.size)
    builder.resample(wanted if options.enlarge else not_larger(wanted, builder.size))


@add_nodes.register
def _zoom(options: schema.Zoom, builder: PlanBuilder) -> None:
    wanted = resolve_size(options.width, options.height, builder.size)
    tenths = _zoom_tenths(options.level, wanted, builder.size)
    zoomed = Size(wanted.width * tenths // 10, wanted.height * tenths // 10)
    builder.resample(zoomed if options.enlarge else not_larger(zoomed, builder.size))


def _zoom_tenths(level: float, wanted: Size, image: Size) -> int:
    """Find how far the wanted size may be multiplied before the image is enlarged."""
    exact = max(Fraction(1), Fraction(repr(float(level))))
    tenths = ceil(exact * 2) * 5 if exact > 3 else rnd(exact * 10)
    while tenths > 10 and (
        wanted.width * tenths > image.width * 10 or wanted.height * tenths > image.height * 10
    ):
        tenths -= 5 if tenths > 30 else 1
    return tenths


class Cut(NamedTuple):
    """The size that an image is scaled to, and that of the window that is kept of it."""

    scaled: Size
    window: Size


def _cut_of_crop(options: schema.Crop, image: Size) -> Cut:
    """Scale down until the window is just covered."""
    window = not_larger(resolve_size(options.width, options.height, image), image)
    return Cut(scale_to_cover(image, window), window)


def _cut_of_box(options: schema.FitMethod, image: Size) -> Cut:
    """Scale until the box is just covered; not enlarged, the window may be smaller."""
    wanted = resolve_size(options.width, options.height, image)
    scaled = scale_to_cover(image, wanted)
    if not options.enlarge:
        scaled = not_larger(scaled, image)
    return Cut(scaled, not_larger(wanted, scaled))


@add_nodes.register
def _crop(options: schema.Crop, builder: PlanBuilder) -> None:
    if options.fit:
        cut = _cut_of_crop(options, builder.size)
        builder.resample_window(cut.scaled, _window(options, cut, builder))
        return
    wanted = resolve_size(options.width, options.height, builder.size)
    window = place(wanted, builder.size, options.gravity, options.xoffset, options.yoffset)
    seen = window.within(builder.size)
    if seen is None:
        raise TransformationFailed(
            f"{builder.where}: crop area lies outside the image: {window} of {builder.size}"
        )
    builder.add(Crop(seen))


@measurement_of.register
def _attention(options: schema.Crop, builder: PlanBuilder) -> Measurement | None:
    if options.gravity is not CropGravity.SMART:
        return None
    return _attention_of(_cut_of_crop(options, builder.size), builder)


@add_nodes.register
def _fitmethod(options: schema.FitMethod, builder: PlanBuilder) -> None:
    if options.fit_type is FitType.CROPBOX:
        cut = _cut_of_box(options, builder.size)
        builder.resample_window(cut.scaled, _window(options, cut, builder))
        return
    wanted = resolve_size(options.width, options.height, builder.size)
    scaled = SCALED_SIZES[options.fit_type](builder.size, wanted)
    builder.resample(scaled if options.enlarge else not_larger(scaled, builder.size))
    if options.fit_type is FitType.LETTERBOX:
        left, top = place(builder.size, wanted, options.gravity, AT_ANCHOR, AT_ANCHOR)[:2]
        _put_on_canvas(builder, Box(left, top, *wanted), _fill(options))


SCALED_SIZES: dict[FitType, Callable[[Size, Size], Size]] = {
    FitType.STRETCH: lambda image, wanted: wanted,
    FitType.BOX: scale_to_fit,
    FitType.LETTERBOX: scale_to_fit,
    FitType.OUTSIDE: scale_to_cover,
}


@measurement_of.register
def _attention_in_a_box(options: schema.FitMethod, builder: PlanBuilder) -> Measurement | None:
    if options.gravity is not CropGravity.SMART:
        return None
    return _attention_of(_cut_of_box(options, builder.size), builder)


def _attention_of(cut: Cut, builder: PlanBuilder) -> Measurement:
    """Measure on the scaled image; where that is larger, on the image as it is."""
    image, scaled, window = builder.size, *cut
    if not _grows(cut, image):
        builder.resample(scaled)
        return Attention(*window)
    return Attention(
        max(1, window.width * image.width // scaled.width),
        max(1, window.height * image.height // scaled.height),
    )


def _grows(cut: Cut, image: Size) -> bool:
    return cut.scaled != not_larger(cut.scaled, image)


def _window(options: schema.Crop | schema.FitMethod, cut: Cut, builder: PlanBuilder) -> Box:
    """Choose the window of the scaled image, shifted inside it."""
    dx, dy = AT_ANCHOR, AT_ANCHOR
    if isinstance(options, schema.Crop):
        dx, dy = options.xoffset, options.yoffset
    if options.gravity is CropGravity.SMART:
        box = _measured_window(cut, builder)
    elif options.focus is not UNSET:
        box = place_around(options.focus, cut.window, cut.scaled)
    else:
        return place(cut.window, cut.scaled, options.gravity, dx, dy).pushed_into(cut.scaled)
    return shifted(box, dx, dy, cut.scaled).pushed_into(cut.scaled)


def _measured_window(cut: Cut, builder: PlanBuilder) -> Box:
    """Return the window that draws attention; on the image as it is, it is measured smaller."""
    box = builder.measured_box()
    if _grows(cut, builder.size):
        left = rnd(Fraction(box.left * cut.scaled.width, builder.size.width))
        top = rnd(Fraction(box.top * cut.scaled.height, builder.size.height))
        box = Box(left, top, *cut.window)
    return box


def _put_on_canvas(builder: PlanBuilder, canvas: Box, fill: RGBA) -> None:
    """Place the image on a canvas, `left` and `top` from its corner; the fill shows through it."""
    if builder.frame.alpha and fill[3] > 0:
        builder.add(Flatten(fill))
    builder.add(Canvas(canvas.width, canvas.height, canvas.left, canvas.top, fill))


def _fill(options: schema.FitMethod | schema.Pad | schema.Rotate) -> RGBA:
    """Return the fill: the colour's own alpha (255 unless written) times the opacity."""
    red, green, blue, alpha = options.color
    return red, green, blue, rnd(share_of(options.opacity) * alpha / 10)


@add_nodes.register
def _pad(options: schema.Pad, builder: PlanBuilder) -> None:
    (wide, high), ones = builder.size, options.width
    left, right = (_margin(each, ones, wide, high) for each in (options.left, options.right))
    top, bottom = (_margin(each, ones, high, wide) for each in (options.top, options.bottom))
    canvas = Box(left, top, left + wide + right, top + high + bottom)
    _put_on_canvas(builder, canvas, _fill(options))


def _margin(own: Margin | UnsetType, all_: Margin | UnsetType, along: int, across: int) -> int:
    given = all_ if own is UNSET else own
    return 0 if given is UNSET else rnd(resolve(given, along, across))


@add_nodes.register
def _round(options: schema.Round, builder: PlanBuilder) -> None:
    radius = rnd(resolve_extent(options.radius, builder.size))
    if radius > 0:
        builder.add(RoundCorners(min(radius, min(builder.size) / 2), *builder.size))


@measurement_of.register
def _border(options: schema.Trim, builder: PlanBuilder) -> Measurement:
    return Border(float(options.threshold), None if options.color is UNSET else options.color)


@add_nodes.register
def _rotate(options: schema.Rotate, builder: PlanBuilder) -> None:
    builder.rotate(options.degrees, _fill(options))


@measurement_of.register
def _bars(options: schema.Ulb, builder: PlanBuilder) -> Measurement:
    return Bars()


@add_nodes.register
def _crop_to_measured(options: schema.Trim | schema.Ulb, builder: PlanBuilder) -> None:
    builder.add(Crop(builder.measured_box()))
