"""Samples as whole bytes: unpacks smaller ones and widens unusual ranges.

What comes out is `uchar`, `ushort` or `float`, each over its whole range.
"""

from math import lcm

from engine.sources.tiff import Layout, Numbers, is_light, is_stretched, libtiff_fields
from engine.vips.binding import Image
from engine.vips.images import image_from_table, mask_image

KEPT = 16  # upper bits of a sample that are kept
SIGNED = {"uchar": "char", "ushort": "short", "uint": "int"}


def unpacked(image: Image, layout: Layout) -> Image:
    """Give one band for each sample, as whole numbers in their own range, or as floats.

    Of numbers of 17 to 31 bits the upper 16 are kept. Samples of 1, 2 and 4 bits that are
    alone in their pixel were stretched to 8 bits by libvips.
    """
    bits, fields = layout.bits[0], libtiff_fields(layout)
    if bits == 64:
        image = image.copy(bands=fields.samples // 8, format="double")
        image = (image.byteswap() if layout.is_big_endian else image).cast("float")
    elif bits != fields.bits and not is_light(layout):
        image = _from_bits(image, layout)
    whole = image.width, image.height
    return image if whole == layout.size else image.crop(0, 0, *layout.size)


def _from_bits(image: Image, layout: Layout) -> Image:
    """Give the numbers that lie in rows of bytes side by side, the upper bits first.

    They begin again with a byte after a group of some. Each is cut out of three bytes. Of whole
    bytes the lower may come first.
    """
    bits, samples = layout.bits[0], 1 if layout.planar else layout.samples
    size, wanted = lcm(bits, 8) // 8, min(bits, KEPT)
    weights, shifts = [], []
    for first in range(0, 8 * size, bits):
        start, end = first // 8, (first + wanted - 1) // 8
        weights.append([256.0 ** (end - at) * (start <= at <= end) for at in range(size)])
        shifts.append(8 * (end + 1) - first - wanted)
    if bits % 8 == 0 and not layout.is_big_endian:
        weights = [row[::-1] for row in weights]
    groups = _in_groups(image, size).recomb(mask_image(weights)).cast("uint")
    numbers = ((groups >> shifts) & (2**wanted - 1)).cast("uchar" if bits <= 8 else "ushort")
    row = numbers.bandunfold(factor=len(shifts)) if len(shifts) > 1 else numbers
    width = row.width // samples * samples
    return row.crop(0, 0, width, row.height).bandfold(factor=samples) if samples > 1 else row


def _in_groups(image: Image, size: int) -> Image:
    """Give rows of bytes as groups of them, one band for each; the last is filled up."""
    width = -(-image.width // size) * size
    return image.embed(0, 0, width, image.height).bandfold(factor=size) if size > 1 else image


def widened(image: Image, layout: Layout) -> Image:
    """Let whole numbers fill the range of 8 or of 16 bits; what is below 0 is black."""
    bits = layout.bits[0]
    if image.format == "float" or is_stretched(layout):
        return image
    if layout.numbers[0] == Numbers.SIGNED:
        positive = image.copy(format=SIGNED[image.format]).cast(image.format)
        image = ((positive << 1) + (positive >> bits - 2)).cast(image.format)
    if bits < 8:
        return image.maplut(image_from_table((stretch(bits),)))
    if bits == 32:
        return (image >> bits - KEPT).cast("ushort")
    if 8 < bits < KEPT:
        return ((image << KEPT - bits) + (image >> 2 * bits - KEPT)).cast("ushort")
    return image


def stretch(bits: int) -> bytes:
    """Give a table that stretches so many bits to 8."""
    most = 2**bits - 1
    return bytes(round(255 * min(value, most) / most) for value in range(256))
