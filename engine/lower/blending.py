"""Blend modes: how the colours of a layer are mixed with those under it.

The formulas are those of Compositing and Blending Level 1 of the W3C, sections 9 and 10, on
straight code values from 0 to 1. libvips' own modes mix premultiplied colours, which is something
else wherever a layer is translucent.
"""

from collections.abc import Callable

from engine.schema import Blend
from engine.vips import Image, in_bytes, laid_over

Mixing = Callable[[Image, Image], Image]


def blended(image: Image, layer: Image, blend: Blend) -> Image:
    """Lay a layer with alpha over an image of its size by a mode; alpha stays as the image's is.

    An image without alpha is opaque, and stays without.
    """
    under, over = (each.extract_band(0, n=3) / 255 for each in (image, layer))
    mixed, cover = MIXINGS[blend](under, over), layer[3] / 255
    if not image.hasalpha():
        return in_bytes((under + (mixed - under) * cover) * 255)
    seen = (over + (mixed - over) * (image[3] / 255)) * 255
    return laid_over(image, seen.bandjoin(layer[3]).copy(interpretation="srgb"))


def _multiply(under: Image, over: Image) -> Image:
    return under * over


def _screen(under: Image, over: Image) -> Image:
    return under + over - under * over


def _hard_light(under: Image, over: Image) -> Image:
    """Multiply where the layer is dark, screen where it is light."""
    return (over <= 0.5).ifthenelse(under * (over * 2), _screen(under, over * 2 - 1))


def _soft_light(under: Image, over: Image) -> Image:
    dark = under - (1 - over * 2) * under * (1 - under)
    lighter = (under <= 0.25).ifthenelse(((under * 16 - 12) * under + 4) * under, under**0.5)
    light = under + (over * 2 - 1) * (lighter - under)
    return (over <= 0.5).ifthenelse(dark, light)


MIXINGS: dict[Blend, Mixing] = {
    Blend.OVER: lambda under, over: over,
    Blend.MULTIPLY: _multiply,
    Blend.SCREEN: _screen,
    Blend.OVERLAY: lambda under, over: _hard_light(over, under),
    Blend.DARKEN: lambda under, over: under.minpair(over),
    Blend.LIGHTEN: lambda under, over: under.maxpair(over),
    Blend.SOFT_LIGHT: _soft_light,
    Blend.HARD_LIGHT: _hard_light,
    Blend.DIFFERENCE: lambda under, over: (under - over).abs(),
}
