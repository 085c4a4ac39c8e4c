"""Expands blurs and the named filters."""

from math import ceil

from msgspec import UNSET

from engine import schema
from engine.expand.builder import PlanBuilder, add_nodes
from engine.expand.placement import resolve_extent
from engine.geometry import rnd
from engine.ir import (
    Blur,
    Convolve,
    Enhance,
    Luma,
    Node,
    Pixelate,
    SelectiveBlur,
    Sharpen,
    Table,
    Tint,
    curves,
)
from engine.schema import FilterName


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
        reach = _reach(sigma)
        builder.add_premultiplied(Blur(sigma, min(reach, ceil(radius)) if radius > 0 else reach))


def _reach(sigma: float) -> int:
    """Return the radius beyond which weights of a Gaussian are less than a level."""
    return max(1, ceil(3.5 * sigma))


@add_nodes.register
def _enhance(options: schema.Enhance, builder: PlanBuilder) -> None:
    builder.add(Enhance())


@add_nodes.register
def _sharpen(options: schema.Sharpen, builder: PlanBuilder) -> None:
    sigma = float(options.sigma)
    if options.amount > 0:
        values = (float(options.amount), float(options.threshold))
        builder.add_premultiplied(Sharpen(sigma, _reach(sigma), *values))


@add_nodes.register
def _pixelate(options: schema.Pixelate, builder: PlanBuilder) -> None:
    side = rnd(resolve_extent(options.size, builder.size))
    if side > 1:
        builder.add_premultiplied(Pixelate(min(side, max(builder.size))))
