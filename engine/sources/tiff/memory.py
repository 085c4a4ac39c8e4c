"""The memory that libvips and libtiff need to read a TIFF, besides the rows that stream through."""

from engine.sources.source import Content
from engine.sources.tiff.chunks import chunks_a_plane, chunks_of, clipped
from engine.sources.tiff.layout import Chunks, Layout
from engine.sources.tiff.libtiff_fields import is_subsampled, libtiff_fields
from engine.sources.tiff.old_jpeg import first_page
from engine.sources.tiff.support import LAB
from engine.sources.tiff.tags import Compression, Photometric

READ_BY_ROWS = 128  # rows of a strip, from which on libvips reads single ones
CONVERTED, CACHED = 200, 512  # rows that are kept on the way and behind it, where converted


def decoder_bytes(data: Content) -> int:
    """Predict the bytes of strips or tiles that are kept: packed, unpacked and in the cache.

    For files that can be decoded, as far as they go.
    """
    layout = first_page(data)
    chunks = clipped(chunks_of(layout, len(data)), layout, len(data))
    bands = layout.colours + (layout.alpha is not None)
    kept = _of_tiles(layout, chunks) if chunks.tiled else _of_strips(layout, chunks)
    if layout.planar:
        kept *= bands
    if not is_converted(layout):
        return kept
    wide = 8 if layout.bits[0] == 64 else 4
    pixel = CONVERTED * bands * wide + CACHED * bands * layout.depth // 8
    return kept + layout.size.width * pixel


def is_converted(layout: Layout) -> bool:
    """Return whether samples or colours are computed here, by more than a table."""
    is_plain = layout.compression != Compression.JPEG and not is_subsampled(layout)
    by_matrix = is_plain and layout.photometric in {*LAB, Photometric.YCBCR}
    unpacked = libtiff_fields(layout).bits != layout.bits[0]
    return by_matrix or unpacked or layout.is_premultiplied


def _of_strips(layout: Layout, chunks: Chunks) -> int:
    """Libtiff cuts a single strip that is not packed into small ones."""
    single = chunks_a_plane(layout) == 1
    packed = 0 if single and layout.compression == Compression.NONE else max(chunks.lengths)
    fields, rows = libtiff_fields(layout), chunks.size.height
    by_rows = rows > READ_BY_ROWS and fields.photometric != Photometric.YCBCR
    samples = 4 if is_subsampled(layout) else fields.samples
    unpacked = 0 if by_rows else rows * fields.width * samples * max(8, fields.bits) // 8
    return packed + 2 * unpacked


def _of_tiles(layout: Layout, chunks: Chunks) -> int:
    """Two rows of tiles are cached, if there are so many, and one tile is unpacked."""
    fields = libtiff_fields(layout)
    cached = min(2 * (1 + fields.width // fields.chunk_width), chunks_a_plane(layout))
    tile = fields.chunk_width * chunks.size.height * fields.samples * max(8, fields.bits) // 8
    return (cached + 1) * tile + max(chunks.lengths)
