"""The positions of the strips or tiles of a TIFF's first page, checked against the file."""

from engine.errors import SourceCorrupt
from engine.sources.tiff.layout import Chunks, Layout
from engine.sources.tiff.tags import Compression, Photometric

# Bytes that one byte may become.
_MOST_UNPACKED: dict[int, int] = {
    Compression.PACKBITS: 64,  # 128 of a count and a byte
    Compression.LZW: 3641,  # 4096 of a code of nine bits
    Compression.DEFLATE: 1032,  # 258 of a match of two bits
    Compression.OLD_DEFLATE: 1032,
}


def chunks_of(layout: Layout, file_size: int) -> Chunks:
    """Return all chunks that the image needs, with lengths that hold.

    What is not packed is as long as its pixels are, whatever the directory says. A single
    strip without a length goes to the end of the file. SourceCorrupt if chunks are missing.
    """
    chunks, needed = layout.chunks, planes(layout) * chunks_a_plane(layout)
    offsets = tuple(chunks.offsets[:needed])
    if len(offsets) < needed:
        kind = "tiles" if chunks.tiled else "strips"
        raise SourceCorrupt(
            f"the image cannot be decoded: it needs {needed} {kind}, the file has {len(offsets)}"
        )
    if layout.compression == Compression.NONE:
        lengths = _plain_lengths(layout)
    elif needed == 1 and not any(chunks.lengths[:1]):
        lengths = (max(0, file_size - offsets[0]),)
    else:
        lengths = tuple(chunks.lengths[:needed])
    if len(lengths) < needed:
        raise SourceCorrupt("the image cannot be decoded: the lengths of its parts are missing")
    return Chunks(chunks.size, chunks.tiled, offsets, lengths)


def is_cut_short(chunks: Chunks, file_size: int) -> bool:
    """Return whether strips or tiles lie beyond the end of the file."""
    ends = map(sum, zip(chunks.offsets, chunks.lengths, strict=True))
    return max(ends, default=0) > file_size


def is_short(chunks: Chunks, layout: Layout) -> bool:
    """Return whether strips or tiles have fewer bytes than the image takes however plain it is."""
    most = _MOST_UNPACKED.get(layout.compression)
    samples = 1 if layout.photometric == Photometric.YCBCR else layout.samples
    needed = layout.size.pixels * samples * min(layout.bits) // 8
    return most is not None and needed > most * sum(chunks.lengths)


def clipped(chunks: Chunks, layout: Layout, file_size: int) -> Chunks:
    """Let no chunk ask for more than can be there, so that zeros stand for what is missing."""
    offsets = tuple(min(offset, file_size) for offset in chunks.offsets)
    if layout.compression == Compression.NONE:
        return Chunks(chunks.size, chunks.tiled, offsets, chunks.lengths)
    lengths = (
        max(1, min(length, file_size - offset))
        for offset, length in zip(offsets, chunks.lengths, strict=True)
    )
    return Chunks(chunks.size, chunks.tiled, offsets, tuple(lengths))


def planes(layout: Layout) -> int:
    """Return how many times the chunks cover the image."""
    return layout.samples if layout.planar else 1


def chunks_a_plane(layout: Layout) -> int:
    """Return how many chunks cover the image once."""
    size, chunk = layout.size, layout.chunks.size
    return _ceil(size.width, chunk.width) * _ceil(size.height, chunk.height)


def _plain_lengths(layout: Layout) -> tuple[int, ...]:
    """Return the bytes of chunks that are not packed; the last strip of a plane may be shorter."""
    count, rows = chunks_a_plane(layout), layout.chunks.size.height
    left = rows if layout.chunks.tiled else layout.size.height - (count - 1) * rows
    plane = (_plain_length(layout, rows),) * (count - 1) + (_plain_length(layout, left),)
    return plane * planes(layout)


def _plain_length(layout: Layout, rows: int) -> int:
    width = layout.chunks.size.width
    across, down = layout.subsampling
    if layout.photometric == Photometric.YCBCR and not layout.planar and across * down > 1:
        blocks = _ceil(width, across) * _ceil(rows, down)
        return blocks * _ceil((across * down + 2) * layout.bits[0], 8)
    samples = 1 if layout.planar else layout.samples
    return rows * _ceil(width * samples * layout.bits[0], 8)


def _ceil(value: int, step: int) -> int:
    return -(-value // step)
