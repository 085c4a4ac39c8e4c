"""Lowers the neighbourhood nodes but the blur; edges are replicated."""

from collections.abc import Callable, Iterator
from itertools import groupby

from engine.geometry import Size
from engine.ir import Convolve, Enhance, SelectiveBlur
from engine.lower.context import NodeContext, lower_node
from engine.vips import Image, cache_rows, image_from_numbers, in_bytes, mask_image

MARGIN = 0.001  # above what floats lose, below what a step of the sum is worth
AROUND = [
    (across, down) for down in (-1, 0, 1) for across in (-1, 0, 1) if (across, down) != (0, 0)
]


@lower_node.register
def _convolve(node: Convolve, image: Image, context: NodeContext) -> Image:
    if not context.frame.alpha:
        return _convolved(node, image)
    image = cache_rows(image)
    alpha = image[image.bands - 1]
    colours = image.extract_band(0, n=image.bands - 1)
    return _convolved(node, colours & (alpha > 0)).bandjoin(alpha)


def _convolved(node: Convolve, image: Image) -> Image:
    """Convolve in whole numbers where that is exact, for it is five times as fast.

    In whole numbers libvips rounds a half up where GD truncates it. With a divisor of 2 all
    fractions are halves, and the mirrored sum rounds them the other way.
    """
    if node.divisor == 1:
        return image.conv(mask_image(_rows(node), 1, node.offset), precision="integer")
    if node.divisor == 2:
        mirrored = mask_image(_rows(node, -1), 2, 255 - node.offset)
        return image.conv(mirrored, precision="integer").invert()
    mask = mask_image(_rows(node), node.divisor, node.offset)
    return in_bytes(image.conv(mask, precision="float"), MARGIN)


def _rows(node: Convolve, sign: int = 1) -> list[list[float]]:
    return [[sign * weight for weight in node.mask[at : at + 3]] for at in (0, 3, 6)]


def _difference(first: Image, second: Image) -> Image:
    """Return ``first − second + 255`` as whole numbers from 0 to 510, to look up."""
    return first + second.invert()


SIGNS = 1 << 24  # a sum of signs above it, a sum of reciprocals in 65536ths below
RECIPROCAL = 1 << 16


def _weight(difference: int) -> int:
    sign = (difference > 0) - (difference < 0)
    return (sign + 1) * SIGNS + round(RECIPROCAL / max(1, abs(difference)))


@lower_node.register
def _selective_blur(node: SelectiveBlur, image: Image, context: NodeContext) -> Image:
    """Centre + Σ signs / (½ + Σ reciprocals); both sums are looked up and added as one."""
    width, height = context.frame.size
    colours = image.extract_band(0, n=image.bands - context.frame.alpha)
    grown = cache_rows(colours.embed(1, 1, width + 2, height + 2, extend="copy"))
    at = _windows(grown, 1, context.frame.size)
    weights = image_from_numbers(map(_weight, range(-255, 256)), "I")
    sums = Image.sum([_difference(at(*place), at(0, 0)).maplut(weights) for place in AROUND])
    signs = (sums >> 24).cast("int") - len(AROUND)
    reciprocals = (sums & (SIGNS - 1)) / RECIPROCAL
    made = in_bytes(at(0, 0) + signs / (reciprocals + 0.5), 0.001)
    return made.bandjoin(image[image.bands - 1]) if context.frame.alpha else made


def _windows(grown: Image, margin: int, size: Size) -> Callable[[int, int], Image]:
    """Return what cuts the image out of one with a margin, displaced across and down."""
    return lambda across, down: grown.crop(margin + across, margin + down, *size)


WINDOW = ((80, 40, 10), (40, 20, 8), (10, 8, 5))  # by distance across and down
HALF_WINDOW = [
    (across, down) for down in range(3) for across in range(-2, 3) if (down, across) > (0, 0)
]
NEAR = 0.069 * 255 * 255 * 510
# D = Σ (k ± (n + c))·(n − c)² over R, G, B and alpha, with 8-bit values n and c.
TONE_FACTORS = [1, -1, -1, -1]
TONE_TERMS = [2040, 3570, 2550, 2550]


@lower_node.register
def _enhance(node: Enhance, image: Image, context: NodeContext) -> Image:
    """Weight the neighbours whose colour is near.

    Whether two pixels are near is computed once and used by both. A band of 255 goes along,
    so that the sum of the weights is made with the sum of the values.
    """
    width, height = context.frame.size
    grown = cache_rows(image.embed(2, 2, width + 4, height + 4, extend="copy"))
    counted = cache_rows(grown.bandjoin(255))
    window = _windows(counted, 2, context.frame.size)
    sums = [window(0, 0) * _place_weight(0, 0)]
    parts = sorted(_neighbours(grown, window, context.frame.size), key=lambda part: part[0])
    for weight, group in groupby(parts, key=lambda part: part[0]):
        sums.append(Image.sum([values for _, values in group]) * weight)
    whole = Image.sum(sums)
    values, weights = whole.extract_band(0, n=image.bands), whole[image.bands]
    return in_bytes(values * 255 / weights)


def _place_weight(across: int, down: int) -> int:
    return WINDOW[abs(down)][abs(across)]


def _neighbours(
    grown: Image, window: Callable[[int, int], Image], size: Size
) -> Iterator[tuple[int, Image]]:
    """Yield for each neighbour its weight, and its values where it is near, else 0."""
    squares = image_from_numbers([float(d * d) for d in range(-255, 256)], "f")
    width, height = size
    for across, down in HALF_WINDOW:
        left, top = min(0, -across), min(0, -down)
        area = (max(width, width - across) - left, max(height, height - down) - top)
        first = grown.crop(2 + left, 2 + top, *area)
        second = grown.crop(2 + left + across, 2 + top + down, *area)
        near = cache_rows(_near(first, second, squares))
        weight = _place_weight(across, down)
        ahead, behind = (-left, -top), (-left - across, -top - down)
        yield weight, window(across, down) & near.crop(*ahead, width, height)
        yield weight, window(-across, -down) & near.crop(*behind, width, height)


def _near(first: Image, second: Image, squares: Image) -> Image:
    bands = first.bands
    tones = (first + second).linear(TONE_FACTORS[:bands], TONE_TERMS[:bands])
    distances = _difference(first, second).maplut(squares) * tones
    return distances.bandmean() < NEAR / bands
