"""Lowers the Gaussian blur: in floats, in integers, or on a reduced image; and sharpening."""

from math import ceil, floor, log2
from typing import NamedTuple

from engine.ir import Blur, Sharpen
from engine.lower.context import NodeContext, lower_node
from engine.lower.kernels import Kernel, coarsened, folded, in_whole_numbers
from engine.vips import Image, cache_rows, in_bytes, mask_image

MIN_BLOCKS = 16  # that a side must keep when the image is reduced


@lower_node.register
def _blur(node: Blur, image: Image, context: NodeContext) -> Image:
    if node.shrink > 1:
        return _on_a_reduced_image(node, image)
    across, down = (folded(node.sigma, node.radius, side) for side in context.frame.size)
    return (_in_integers if node.integers else _in_floats)(image, across, down)


@lower_node.register
def _sharpen(node: Sharpen, image: Image, context: NodeContext) -> Image:
    image = cache_rows(image)
    across, down = (folded(node.sigma, node.radius, side) for side in context.frame.size)
    if node.threshold == 0:  # one weighted sum, of which masks make the second half
        less = [-node.amount * weight for weight in down]
        return in_bytes(image * (1 + node.amount) + _blurred(image, across, less))
    differences = image - _blurred(image, across, down)
    kept = (differences.abs() >= node.threshold).ifthenelse(differences, 0)
    return in_bytes(image + kept * node.amount)


def _in_floats(image: Image, across: Kernel, down: Kernel) -> Image:
    return in_bytes(_blurred(image, across, down))


def _blurred(image: Image, across: Kernel, down: Kernel) -> Image:
    image = image.conv(mask_image([across]), precision="float")
    return image.conv(mask_image([[weight] for weight in down]), precision="float")


def _in_integers(image: Image, across: Kernel, down: Kernel) -> Image:
    row, column = (in_whole_numbers(kernel, _total(kernel)) for kernel in (across, down))
    image = image.conv(mask_image([[*row]], sum(row)), precision="integer")
    column_mask = mask_image([[weight] for weight in column], sum(column))
    return image.conv(column_mask, precision="integer")


def _total(kernel: Kernel) -> int:
    """Return the sum of the integer weights: the power of two that makes the largest 32 to 64.

    libvips' vector code holds weights as such numbers; it would round others one by one, and
    their sum would brighten or darken the image.
    """
    return 64 << floor(-log2(max(kernel)))


class _Axis(NamedTuple):
    """One direction of a blur on a reduced image.

    `blocks` of `factor` pixels cover the image; `margin` more on either side hold the
    replicated edge. A direction that is not reduced has factor 1 and margin 0.
    """

    side: int
    factor: int
    blocks: int
    margin: int
    kernel: Kernel

    @classmethod
    def of(cls, node: Blur, side: int) -> "_Axis":
        factor = node.shrink
        while factor > 1 and side < factor * MIN_BLOCKS:
            factor //= 2
        if factor == 1:
            return cls(side, 1, side, 0, folded(node.sigma, node.radius, side))
        blocks = ceil(side / factor)
        beyond = (blocks + 1) * factor  # folded no nearer, or an end would reach into a block
        kernel = coarsened(folded(node.sigma, node.radius, beyond), factor)
        return cls(side, factor, blocks, len(kernel) // 2 + 1, kernel)

    @property
    def kept(self) -> int:
        """How many blocks of the margin are kept to interpolate from."""
        return min(1, self.margin)


def _on_a_reduced_image(node: Blur, image: Image) -> Image:
    """Average blocks, blur these, and enlarge: a wide blur leaves nothing but smooth areas.

    The edges are replicated before blocks are averaged, or the average of an edge's block
    would stand for the edge itself.
    """
    across, down = _Axis.of(node, image.width), _Axis.of(node, image.height)
    small = _shrink_down(_shrink_across(cache_rows(image), across).copy_memory(), down)
    small = _in_floats(small, across.kernel, down.kernel)
    seen = small.crop(*_seen(across, down)).copy_memory()
    return _enlarge(seen, across, down)


def _shrink_across(image: Image, axis: _Axis) -> Image:
    """Average blocks of each row.

    The averages are cached, for `shrinkh` of libvips 8.18 corrupts the pixels on its left
    when it writes into another operation's region.
    """
    if axis.factor == 1:
        return image
    whole = image.embed(0, 0, axis.blocks * axis.factor, image.height, extend="copy")
    first, last = (image.crop(left, 0, 1, image.height) for left in (0, image.width - 1))
    averages = cache_rows(whole.shrinkh(axis.factor))
    return (
        first.zoom(axis.margin, 1)
        .join(averages, "horizontal")
        .join(last.zoom(axis.margin, 1), "horizontal")
    )


def _shrink_down(image: Image, axis: _Axis) -> Image:
    """Average blocks of each column."""
    if axis.factor == 1:
        return image
    whole = image.embed(0, 0, image.width, axis.blocks * axis.factor, extend="copy")
    first, last = (image.crop(0, top, image.width, 1) for top in (0, image.height - 1))
    averages = cache_rows(whole.shrinkv(axis.factor))
    return (
        first.zoom(1, axis.margin)
        .join(averages, "vertical")
        .join(last.zoom(1, axis.margin), "vertical")
    )


def _seen(across: _Axis, down: _Axis) -> list[int]:
    """Return the window of the blocks that the image is enlarged from."""
    corner = [axis.margin - axis.kept for axis in (across, down)]
    return corner + [axis.blocks + 2 * axis.kept for axis in (across, down)]


def _enlarge(small: Image, across: _Axis, down: _Axis) -> Image:
    """Interpolate between blocks: rows first, of which there are few."""
    wide = _between_blocks(small, across, rows=True).copy_memory()
    return _between_blocks(wide, down, rows=False)


def _between_blocks(image: Image, axis: _Axis, *, rows: bool) -> Image:
    """Interpolate linearly in one direction: repeat each block, and average as many pixels.

    The pixel at either end counts by half, so that the average is about a pixel's centre.
    libvips does this with vectors, ten times as fast as `affine` does the same.
    """
    factor = axis.factor
    if factor == 1:
        return image
    repeated = image.zoom(*((factor, 1) if rows else (1, factor)))
    weights: list[float] = [32, *[64] * (factor - 1), 32]
    mask = mask_image([weights] if rows else [[weight] for weight in weights], 64 * factor)
    smooth = repeated.conv(mask, precision="integer")
    start = axis.kept * factor
    if rows:
        return smooth.crop(start, 0, axis.side, image.height)
    return smooth.crop(0, start, image.width, axis.side)
