"""Opens a TIFF's first page as an image that every node accepts."""

from typing import NamedTuple

from engine.errors import SourceCorrupt
from engine.sources import IPTC, XMP, PartialSource, Source, SourceFormat
from engine.sources.tiff import (
    Chunks,
    Directory,
    Layout,
    Tag,
    check_support,
    chunks_of,
    clipped,
    first_page,
    is_converted,
    is_cut_short,
    is_short,
    rewritten,
)
from engine.vips.binding import GValue, Image, open_image
from engine.vips.images import PROFILE, WHITE, cache_rows, unmultiplied
from engine.vips.tiff.colours import DEFINED, coloured
from engine.vips.tiff.samples import unpacked, widened

BLOBS = {PROFILE: Tag.ICC_PROFILE, XMP: Tag.XMP, IPTC: Tag.IPTC}


def open_tiff(source: Source | PartialSource, *, tolerant: bool = False) -> Image:
    """Open the first page, to be read once from top to bottom.

    Its bands are its colours, and opacity if it has one, in 8 or 16 bits or as floats; nothing
    is multiplied by opacity. Raises UnsupportedFormat for what would come out wrong, and
    SourceCorrupt for a directory that cannot be followed and for a file that ends too early;
    a strip that is damaged comes to light when pixels are pulled. If `tolerant`, zeros stand
    for what is not there. Of a partial source only the header is there, or MissingBytes is
    raised.
    """
    layout = first_page(source.content)
    check_support(layout)
    chunks = chunks_of(layout, source.size)
    if is_cut_short(chunks, source.size):
        if not tolerant:
            raise SourceCorrupt("the image cannot be decoded: the file ends before its last pixels")
        chunks = clipped(chunks, layout, source.size)
    if is_short(chunks, layout) and not tolerant:
        raise SourceCorrupt("the image is damaged: its data end before its last pixel")
    parts = _Parts(source, layout, chunks, "none" if tolerant else "error")
    image = _with_alpha(_samples(parts), layout)
    if is_converted(layout):  # few rows at a time, however many are asked for
        image = cache_rows(image)
    return _labelled(image, layout, source)


class _Parts(NamedTuple):
    """A file's strips or tiles; what libtiff warns about is in them, for it is shown a
    directory of our own.
    """

    source: Source | PartialSource
    layout: Layout
    chunks: Chunks
    fail_on: str

    def open(self, plane: int | None = None) -> Image:
        """Open one plane, or all samples where they lie together."""
        shown = rewritten(self.source, self.layout, self.chunks, plane)
        image = open_image(shown, SourceFormat.TIFF, fail_on=self.fail_on, unlimited=True)
        return unpacked(image, self.layout)


def _samples(parts: _Parts) -> Image:
    """Give the samples that count: those of the colours, and behind them that of opacity."""
    layout = parts.layout
    wanted = [*range(layout.colours), *([] if layout.alpha is None else [layout.alpha])]
    if layout.planar:
        first, *others = map(parts.open, wanted)
        return first.bandjoin(others) if others else first
    image = parts.open()
    if wanted == list(range(image.bands)):
        return image
    colours = image.extract_band(0, n=layout.colours)
    return colours if layout.alpha is None else colours.bandjoin(image[layout.alpha])


def _with_alpha(image: Image, layout: Layout) -> Image:
    colours = image.extract_band(0, n=layout.colours) if image.bands > layout.colours else image
    made = coloured(colours, layout)
    if layout.alpha is None:
        return made
    alpha = widened(image[image.bands - 1], layout)
    if alpha.format != made.format:
        alpha = (alpha * (WHITE[made.format] / WHITE[alpha.format])).rint().cast(made.format)
    joined = made.bandjoin(alpha)
    return unmultiplied(joined) if layout.is_premultiplied else joined


def _labelled(image: Image, layout: Layout, source: Source | PartialSource) -> Image:
    """Give an image what its file says beside the pixels, under libvips' names."""
    image, directory = image.copy(), Directory(source.content)
    for name, tag in BLOBS.items():
        is_used = name != PROFILE or layout.photometric not in DEFINED
        if is_used and (body := directory.raw(tag, source.size)):
            image.set_type(GValue.blob_type, name, body)
    image.set_type(GValue.gint_type, "orientation", layout.orientation)
    image.set_type(GValue.gint_type, "bits-per-sample", layout.depth)
    return image
