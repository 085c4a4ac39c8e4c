"""How closely a TIFF packs its pixels, and the colours of its palette."""

from engine.sources.packing import PLAIN, Packing, indexed
from engine.sources.source import Content
from engine.sources.tiff.layout import Layout
from engine.sources.tiff.old_jpeg import first_page
from engine.sources.tiff.tags import Numbers, Photometric

_GREY = {Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO}
_WHOLE = {Numbers.UNSIGNED, Numbers.UNTOLD}
_AS_IN_PNG = {1, 2, 4}  # bits of levels of the same distance


def packing_of(data: Content) -> Packing:
    """Read how the first page's pixels are packed."""
    layout = first_page(data)
    bits = layout.bits[0]
    if layout.samples != 1 or bits > 8 or layout.numbers[0] not in _WHOLE:
        return PLAIN
    if layout.photometric == Photometric.PALETTE:
        reds, greens, blues = palette_of(layout)
        colours = zip(reds, greens, blues, strict=True)
        return indexed([(red >> 8, green >> 8, blue >> 8, 255) for red, green, blue in colours])
    grey = layout.photometric in _GREY and bits in _AS_IN_PNG
    return Packing(bits) if grey else PLAIN


def palette_of(layout: Layout) -> tuple[tuple[int, ...], ...]:
    """Return reds, greens and blues of 16 bits; where all are below 256 they are of 8 bits."""
    count = 2 ** layout.bits[0]
    words = layout.colour_map[: 3 * count]
    if max(words) < 256:
        words = tuple(257 * word for word in words)
    return tuple(words[band * count : (band + 1) * count] for band in range(3))
