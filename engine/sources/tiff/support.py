"""Which TIFFs are supported, and the reason why others are rejected.

libvips takes what libtiff unpacks and guesses the rest; some guesses are wrong, and what
libtiff lacks comes out black. So everything is decided here, from the directory alone. The
measurements behind it are in `docs/decisions/0114`.
"""

from collections.abc import Iterator

from engine.errors import UnsupportedFormat
from engine.sources.tiff.layout import COLOURS, MOST_SAMPLES, Layout
from engine.sources.tiff.libtiff_fields import OF_LIGHT, PREDICTED, is_subsampled, libtiff_fields
from engine.sources.tiff.tags import OF_FAX, Compression, Numbers, Photometric

# The compressions that are unpacked here: the bits of a sample, None for any.
UNPACKED: dict[int, set[int] | None] = {
    Compression.NONE: None,
    Compression.LZW: None,
    Compression.DEFLATE: None,
    Compression.OLD_DEFLATE: None,
    Compression.PACKBITS: None,
    **{packing: {1} for packing in OF_FAX},
    **dict.fromkeys(OF_LIGHT),
    Compression.NEXT: {2},
    Compression.THUNDERSCAN: {4},
    Compression.JPEG: {8},
}
ALONE = {*OF_FAX, Compression.NEXT, Compression.THUNDERSCAN}  # take one sample a pixel
LIGHT = {Photometric.LOG_L, Photometric.LOG_LUV}
LAB = {Photometric.CIE_LAB, Photometric.ICC_LAB}
UNSIGNED = {Numbers.UNSIGNED, Numbers.UNTOLD}
SUBSAMPLED = {(4, 4), (4, 2), (4, 1), (2, 2), (2, 1), (1, 2)}  # as libtiff can, without JPEG
PREDICTORS = {8: {2}, 16: {2, 3}, 32: {2, 3}}  # by the bits of a sample
CMYK_INKS = 1
LONGEST_TILE, TILE_STEP, LARGEST_TILE = 8192, 16, 100_000_000  # pixels, pixels, bytes: libvips'

# What is refused, by its name; only for messages.
_COMPRESSIONS = {
    6: "old-style JPEG", 9: "JBIG", 10: "JBIG", 32895: "IT8 CT padding", 32896: "IT8 linework",
    32897: "IT8 monochrome", 32898: "IT8 binary", 32908: "Pixar film", 32909: "Pixar log",
    32947: "Kodak DCS", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000",
    34661: "JBIG", 34676: "SGI LogLuv", 34677: "SGI LogLuv", 34712: "JPEG 2000",
    34713: "Nikon NEF", 34715: "JBIG2", 34887: "LERC", 34892: "lossy JPEG of DNG",
    34925: "LZMA", 34926: "Zstandard", 34927: "WebP", 34933: "PNG", 34934: "JPEG XR",
    50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL", 65000: "Kodak DCR",
}  # fmt: skip
_PHOTOMETRICS = {
    4: "a transparency mask", 10: "ITU Lab", 32803: "the raw data of a camera's sensor",
    34892: "the raw data of a camera", 51177: "a depth map", 52527: "a photometric mask",
}  # fmt: skip


def check_support(layout: Layout) -> None:
    """Raise UnsupportedFormat, naming it, for what would not be decoded as it is meant."""
    for rule in (_pages, _packing, _samples, _numbers, _packed_samples, _colours, _tiles):
        for words in rule(layout):
            raise UnsupportedFormat(f"expected a TIFF of a kind that is read here, got {words}")


def _pages(layout: Layout) -> Iterator[str]:
    if layout.is_preview:
        yield "one whose first page is only a preview, as cameras write their raw data"


def _packing(layout: Layout) -> Iterator[str]:
    packing, meaning = layout.compression, layout.photometric
    if packing not in UNPACKED or (packing in OF_LIGHT and meaning not in LIGHT):
        yield f"one compressed with {_COMPRESSIONS.get(packing, f'method {packing}')}"
    if meaning not in COLOURS:
        yield f"one that holds {_PHOTOMETRICS.get(meaning, f'photometric {meaning}')}"


def _samples(layout: Layout) -> Iterator[str]:
    samples, colours = layout.samples, layout.colours
    if samples > MOST_SAMPLES:
        yield f"{samples} samples a pixel"
    if samples < colours:
        yield f"{samples} of the {colours} samples that its colours take"
    if len(layout.bits) > 1:
        yield f"samples of {' and '.join(map(str, layout.bits))} bits side by side"
    if len(layout.numbers) > 1:
        yield "whole numbers and others side by side"


def _numbers(layout: Layout) -> Iterator[str]:
    [bits], [numbers] = layout.bits, layout.numbers
    if layout.photometric in LIGHT:
        return
    if numbers == Numbers.FLOAT:
        if bits not in {16, 32, 64}:
            yield f"floats of {bits} bits"
    elif numbers not in {Numbers.SIGNED, *UNSIGNED}:
        yield f"complex numbers of {bits} bits"
    elif not 1 <= bits <= 32:
        yield f"whole numbers of {bits} bits"
    elif numbers == Numbers.SIGNED and bits not in {8, 16, 32}:
        yield f"signed numbers of {bits} bits"


def _packed_samples(layout: Layout) -> Iterator[str]:
    """What packs samples rather than bytes takes only some of them."""
    [bits], packing = layout.bits, layout.compression
    taken, together = UNPACKED[packing], 1 if layout.planar else layout.samples
    if taken is not None and bits not in taken:
        yield f"{_packed(layout)} with {bits} bits a sample"
    if packing in ALONE and together > 1:
        yield f"{_packed(layout)} with {together} samples a pixel"
    if packing in PREDICTED and layout.predictor not in {1, *PREDICTORS.get(bits, ())}:
        yield f"predictor {layout.predictor} for samples of {bits} bits"
    if packing == Compression.JPEG:
        yield from _jpeg(layout, together)


def _jpeg(layout: Layout, together: int) -> Iterator[str]:
    if layout.numbers[0] not in UNSIGNED or layout.photometric == Photometric.PALETTE:
        yield f"{_packed(layout)} whose samples are no colours"
    if layout.planar and layout.photometric == Photometric.YCBCR and layout.subsampling != (1, 1):
        yield f"{_packed(layout)} in planes of different sizes"
    if layout.chunks.tiled and together not in {1, layout.colours}:
        yield f"{_packed(layout)} in tiles with {together} samples a pixel"


def _colours(layout: Layout) -> Iterator[str]:
    meaning, bits = layout.photometric, layout.bits[0]
    whole = layout.numbers[0] in UNSIGNED
    if meaning == Photometric.PALETTE and not (whole and (bits <= 8 or bits == 16)):
        yield f"a palette for samples of {bits} bits"
    if meaning == Photometric.PALETTE and len(layout.colour_map) < 3 * 2**bits:
        yield f"a palette of {len(layout.colour_map) // 3} colours for samples of {bits} bits"
    if meaning == Photometric.SEPARATED and layout.ink_set != CMYK_INKS:
        yield "inks other than CMYK"
    if meaning == Photometric.YCBCR and layout.compression != Compression.JPEG:
        yield from _ycbcr(layout)
    if meaning in LAB and (layout.numbers[0] == Numbers.FLOAT) != (bits == 32):
        yield f"Lab of {bits} bits"
    if meaning in LAB and not (bits in {8, 16} or (meaning == Photometric.CIE_LAB and bits == 32)):
        yield f"Lab of {bits} bits"
    if meaning in LAB and layout.is_premultiplied:
        yield "Lab with premultiplied alpha"
    if meaning in LIGHT and (layout.extras or layout.planar):
        yield "LogLuv in planes or with more than its colours"


def _ycbcr(layout: Layout) -> Iterator[str]:
    across, down = layout.subsampling
    if layout.bits[0] != 8 or layout.numbers[0] not in UNSIGNED:
        yield f"YCbCr of {layout.bits[0]} bits"
    if not is_subsampled(layout):
        return
    if (across, down) not in SUBSAMPLED or layout.planar or layout.extras:
        yield f"YCbCr subsampled {across}×{down} without JPEG"
    if layout.chunks.tiled and layout.compression == Compression.NONE:
        yield "subsampled YCbCr in tiles that are not compressed"


def _tiles(layout: Layout) -> Iterator[str]:
    """Libvips takes tiles of sixteens of pixels that are not much larger than the image."""
    if not layout.chunks.tiled:
        return
    fields, (width, height) = libtiff_fields(layout), layout.chunks.size
    steps = fields.chunk_width % TILE_STEP or height % TILE_STEP
    size = fields.chunk_width * height * fields.samples * fields.bits // 8
    if steps or max(fields.chunk_width, height) > LONGEST_TILE or size > LARGEST_TILE:
        yield f"tiles of {width}×{height} pixels of {layout.samples} × {layout.bits[0]} bits"
    if layout.compression == Compression.CCITT_RLE_WORDS:
        yield f"{_packed(layout)} in tiles"


def _packed(layout: Layout) -> str:
    return Compression(layout.compression).name.replace("_", " ")
