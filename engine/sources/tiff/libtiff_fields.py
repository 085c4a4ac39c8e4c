"""The directory fields that libtiff is given in place of the file's own.

Only those samples are called by their name that libtiff changes on the way: JPEG's, those of
light, and YCbCr with fewer samples of colour than of lightness. All others are plain numbers
to it; what is packed in odd bits is a row of bytes.
"""

from typing import NamedTuple

from engine.sources.tiff.layout import Layout
from engine.sources.tiff.tags import Compression, Numbers, Photometric

OF_LIGHT = {Compression.SGI_LOG, Compression.SGI_LOG_24}
PREDICTED = {Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE}
PLAIN = Photometric.SEPARATED  # what libvips copies as it is, however many samples there are
# The colours that libtiff's JPEG is given; all others are red, green and blue.
_IN_JPEG: dict[int, Photometric] = {
    Photometric.YCBCR: Photometric.YCBCR,
    Photometric.SEPARATED: Photometric.SEPARATED,
}


class LibtiffFields(NamedTuple):
    """What libtiff reads; `width` and `chunk_width` may count bytes rather than pixels.

    An image of tiles ends where they do, for libvips takes no tile that is far larger than its
    image.
    """

    width: int
    height: int
    chunk_width: int
    bits: int
    samples: int
    photometric: int
    numbers: int = Numbers.UNSIGNED


def libtiff_fields(layout: Layout) -> LibtiffFields:
    """Give what libtiff reads of one plane, or of all samples where they lie together."""
    samples, bits = 1 if layout.planar else layout.samples, layout.bits[0]
    named = _named(layout, samples)
    (width, height), chunk = layout.size, layout.chunks.size
    if layout.chunks.tiled:
        width, height = (
            -(-width // chunk.width) * chunk.width,
            -(-height // chunk.height) * chunk.height,
        )
    whole = LibtiffFields(
        width=width,
        height=height,
        chunk_width=chunk.width,
        bits=bits,
        samples=samples,
        photometric=named,
    )
    if is_light(layout):
        return whole._replace(bits=32, numbers=Numbers.FLOAT)
    if named != PLAIN or bits in {8, 16, 32}:
        floats = layout.numbers[0] == Numbers.FLOAT
        return whole._replace(numbers=Numbers.FLOAT if floats else Numbers.UNSIGNED)
    if bits == 64:
        return whole._replace(bits=8, samples=8 * samples)
    packed, packed_chunk = (-(-pixels * samples * bits // 8) for pixels in (width, chunk.width))
    return LibtiffFields(
        width=packed,
        height=height,
        chunk_width=packed_chunk,
        bits=8,
        samples=1,
        photometric=PLAIN,
    )


def _named(layout: Layout, samples: int) -> int:
    """Tell by what name libtiff is to know the samples."""
    if is_light(layout):
        return layout.photometric
    if layout.compression == Compression.JPEG and samples > 2:
        return _IN_JPEG.get(layout.photometric, Photometric.RGB)
    if is_subsampled(layout):
        return Photometric.YCBCR
    if layout.compression == Compression.JPEG or (samples == 1 and layout.bits[0] in {1, 2, 4}):
        return Photometric.BLACK_IS_ZERO
    return PLAIN


def is_light(layout: Layout) -> bool:
    """Whether libtiff gives floats of light, however they are packed."""
    return layout.compression in OF_LIGHT


def is_stretched(layout: Layout) -> bool:
    """Whether libvips widens the samples to 8 bits itself."""
    return libtiff_fields(layout).bits < 8


def is_subsampled(layout: Layout) -> bool:
    """Whether there are fewer samples of colour than of lightness, and JPEG does not say so."""
    return (
        layout.photometric == Photometric.YCBCR
        and layout.compression != Compression.JPEG
        and layout.subsampling != (1, 1)
    )
