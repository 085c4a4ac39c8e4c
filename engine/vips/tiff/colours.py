"""The colours of a TIFF: from photometric interpretations to those of libvips."""

from collections.abc import Callable

from engine.sources.tiff import (
    Compression,
    Layout,
    Photometric,
    is_stretched,
    is_subsampled,
    palette_of,
)
from engine.vips.binding import Image
from engine.vips.images import WHITE, image_from_table, image_from_words, mask_image
from engine.vips.tiff.samples import SIGNED, widened

# Colours that need no profile, and get none.
DEFINED = {
    Photometric.CIE_LAB, Photometric.ICC_LAB, Photometric.LOG_L, Photometric.LOG_LUV,
}  # fmt: skip
GREY = {"uchar": "b-w", "ushort": "grey16", "float": "b-w"}
RGB = {"uchar": "srgb", "ushort": "rgb16", "float": "scrgb"}
# From XYZ of D50's white to that of D65's after Bradford, and before it from white to white.
D50, D65 = (0.96422, 1.0, 0.82521), (0.95047, 1.0, 1.08883)
BRADFORD = (
    (0.9555766, -0.0230393, 0.0631636),
    (-0.0282895, 1.0099416, 0.0210077),
    (0.0122982, -0.0204830, 1.3299098),
)
TO_D65 = [
    [weight * to / of for weight, to, of in zip(row, D50, D65, strict=True)] for row in BRADFORD
]
STEPS = {"uchar": 1, "ushort": 256}  # of Lab's a and b


def coloured(image: Image, layout: Layout) -> Image:
    """Give the colours of an image of which each band is a sample of them."""
    return _COLOURED[layout.photometric](image, layout)


def _grey(image: Image, layout: Layout) -> Image:
    grey = widened(image, layout)
    return grey.copy(interpretation=GREY[grey.format])


def _inverted_grey(image: Image, layout: Layout) -> Image:
    grey = _grey(image, layout)
    inverted = (WHITE[grey.format] - grey).cast(grey.format)
    return inverted.copy(interpretation=grey.interpretation)


def _rgb(image: Image, layout: Layout) -> Image:
    colours = widened(image, layout)
    return colours.copy(interpretation=RGB[colours.format])


def _palette(image: Image, layout: Layout) -> Image:
    """Look colours up."""
    count = 2 ** layout.bits[0]
    reds, greens, blues = palette_of(layout)
    if image.format == "ushort":
        deep = image.maplut(image_from_words([list(reds), list(greens), list(blues)]))
        return deep.copy(interpretation="rgb16")
    places = [place * (count - 1) // 255 for place in range(256)] if is_stretched(layout) else []
    tables = (
        bytes(table[place] >> 8 for place in places or range(count))
        for table in (reds, greens, blues)
    )
    return image.maplut(image_from_table(tuple(tables))).copy(interpretation="srgb")


def _inks(image: Image, layout: Layout) -> Image:
    inks = widened(image, layout)
    if inks.format == "float":
        inks = (inks * WHITE["ushort"] + 0.5).cast("ushort")
    return inks.copy(interpretation="cmyk")


def _ycbcr(image: Image, layout: Layout) -> Image:
    """Convert by the file's own numbers; JPEG and what is subsampled come as RGB."""
    if layout.compression == Compression.JPEG or is_subsampled(layout):
        return image.copy(interpretation="srgb")
    black, white, zero_blue, most_blue, zero_red, most_red = layout.black_and_white
    red, green, blue = layout.coefficients
    light = 255 / (white - black)
    of_red = (2 - 2 * red) * 127 / (most_red - zero_red)
    of_blue = (2 - 2 * blue) * 127 / (most_blue - zero_blue)
    rows = [
        [light, 0, of_red],
        [light * (1 - red - blue) / green, -of_blue * blue / green, -of_red * red / green],
        [light, of_blue, 0],
    ]
    zero = (black, zero_blue, zero_red)
    offsets = [0.5 - sum(each * at for each, at in zip(row, zero, strict=True)) for row in rows]
    colours = (image.recomb(mask_image(rows)) + offsets).cast("uchar")
    return colours.copy(interpretation="srgb")


def _cie_lab(image: Image, layout: Layout) -> Image:
    """Of whole numbers, a and b are signed; of 16 bits they are in steps of 1/256."""
    if image.format == "float":
        return _from_lab(image)
    lightness = image[0] * (100 / WHITE[image.format])
    colours = image.extract_band(1, n=2).copy(format=SIGNED[image.format]) / STEPS[image.format]
    return _from_lab(lightness.bandjoin(colours))


def _icc_lab(image: Image, layout: Layout) -> Image:
    """As profiles have it: a and b are shifted by half of their range."""
    lightness = image[0] * (100 / (255 * STEPS[image.format]))
    colours = image.extract_band(1, n=2) / STEPS[image.format] - 128
    return _from_lab(lightness.bandjoin(colours))


def _from_lab(image: Image) -> Image:
    """Convert from Lab, whose white is D50 as in profiles; libvips takes it for D65's."""
    light = image.copy(interpretation="lab").colourspace("xyz")
    return light.recomb(mask_image(TO_D65)).copy(interpretation="xyz").colourspace("srgb")


def _light(image: Image, layout: Layout) -> Image:
    if image.bands == 1:
        return image.copy(interpretation="b-w")
    return image.copy(interpretation="xyz").colourspace("srgb")


_COLOURED: dict[int, Callable[[Image, Layout], Image]] = {
    Photometric.WHITE_IS_ZERO: _inverted_grey,
    Photometric.BLACK_IS_ZERO: _grey,
    Photometric.RGB: _rgb,
    Photometric.PALETTE: _palette,
    Photometric.SEPARATED: _inks,
    Photometric.YCBCR: _ycbcr,
    Photometric.CIE_LAB: _cie_lab,
    Photometric.ICC_LAB: _icc_lab,
    Photometric.LOG_L: _light,
    Photometric.LOG_LUV: _light,
}
