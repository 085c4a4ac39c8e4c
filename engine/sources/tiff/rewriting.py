"""Rewrites a TIFF for libtiff: the file's bytes with a directory of our own.

The directory has what is needed to unpack strips or tiles, and nothing that would be warned
about, so every warning that is left is damage. There is one page, however many the file has.
What the samples mean is stated as far as libtiff must know, see
`engine.sources.tiff.libtiff_fields`.
"""

from collections.abc import Iterator, Sequence
from struct import pack
from typing import NamedTuple

from engine.errors import SourceCorrupt
from engine.sources.partial_source import PartialSource, Parts
from engine.sources.source import Source
from engine.sources.tiff.chunks import chunks_a_plane
from engine.sources.tiff.directory import BIG, CLASSIC, Directory
from engine.sources.tiff.jpeg import SEARCHED, frame_in
from engine.sources.tiff.layout import COLOURS, Chunks, Layout
from engine.sources.tiff.libtiff_fields import PREDICTED, is_subsampled, libtiff_fields
from engine.sources.tiff.tags import OF_FAX, Compression, Extra, Tag

SHORT, LONG, UNDEFINED, FLOAT, LONG8 = 3, 4, 7, 11, 16
_CODES = {SHORT: "H", LONG: "I", UNDEFINED: "B", FLOAT: "f", LONG8: "Q"}
LARGEST_PLACE = 2**32 - 1 - 2**24  # where a directory and its strips still fit
MOST_TABLES = 65_536  # bytes of the tables that JPEG's strips share


class Field(NamedTuple):
    """One field of a directory to be written."""

    tag: int
    type: int
    values: Sequence[float]


class Rewritten:
    """A file with a header of ours, and at `place`, behind its end, a directory of ours.

    It is read in parts. Between its end and the directory there are zeros.
    """

    def __init__(self, source: Parts, header: bytes, place: int, directory: bytes) -> None:
        self._source = source
        self._header = header
        self._place = place
        self._directory = directory
        self.size = place + len(directory)

    def part(self, start: int, end: int) -> bytes | memoryview:
        """Give bytes from `start` on, to the next seam at the most."""
        if start < len(self._header):
            return self._header[start:end]
        if start < self._source.size:
            return self._source.part(start, min(end, self._source.size))
        if start < self._place:
            return bytes(min(end, self._place) - start)
        return self._directory[start - self._place : end - self._place]


def rewritten(
    source: Source | PartialSource, layout: Layout, chunks: Chunks, plane: int | None
) -> Rewritten:
    """Show libtiff one plane of a file's first page, or all samples if they lie together.

    Raises SourceCorrupt where classic TIFF has no number for the place of what is appended.
    """
    original = Directory(source.content)
    order, kind = original.order, original.kind
    place = max(source.size, *map(sum, zip(chunks.offsets, chunks.lengths, strict=True)))
    place += place % 2
    if kind is CLASSIC and place > LARGEST_PLACE:
        raise SourceCorrupt("the image cannot be decoded: its parts lie beyond what TIFF can tell")
    fields = [*_fields(layout, chunks, plane, LONG8 if kind is BIG else LONG)]
    fields = sorted([*fields, *_hints(source, original, layout, chunks)])
    body = pack(f"{order}{kind.entries}", len(fields))
    at = place + len(body) + len(fields) * (4 + 2 * kind.inline) + kind.inline
    tail = b""
    for tag, code, values in fields:
        packed = pack(f"{order}{len(values)}{_CODES[code]}", *values)
        body += pack(f"{order}HH{kind.word}", tag, code, len(values))
        if len(packed) <= kind.inline:
            body += packed.ljust(kind.inline, b"\0")
        else:
            body += pack(f"{order}{kind.word}", at + len(tail))
            tail += packed + bytes(len(packed) % 2)
    header = source.head(kind.inline) + pack(f"{order}{kind.word}", place)
    return Rewritten(source, header, place, body + bytes(kind.inline) + tail)


def _fields(layout: Layout, chunks: Chunks, plane: int | None, word: int) -> Iterator[Field]:
    fields = libtiff_fields(layout)
    yield Field(Tag.WIDTH, LONG, [fields.width])
    yield Field(Tag.HEIGHT, LONG, [fields.height])
    yield Field(Tag.BITS, SHORT, [fields.bits] * fields.samples)
    yield Field(Tag.COMPRESSION, SHORT, [layout.compression])
    yield Field(Tag.PHOTOMETRIC, SHORT, [fields.photometric])
    yield Field(Tag.SAMPLES, SHORT, [fields.samples])
    yield Field(Tag.SAMPLE_FORMAT, SHORT, [fields.numbers] * fields.samples)
    if (beyond := fields.samples - COLOURS[fields.photometric]) > 0:
        yield Field(Tag.EXTRA_SAMPLES, SHORT, [Extra.UNSPECIFIED] * beyond)
    count = chunks_a_plane(layout)
    wanted = slice(None) if plane is None else slice(plane * count, (plane + 1) * count)
    if chunks.tiled:
        yield Field(Tag.TILE_WIDTH, LONG, [fields.chunk_width])
        yield Field(Tag.TILE_HEIGHT, LONG, [chunks.size.height])
        yield Field(Tag.TILE_OFFSETS, word, chunks.offsets[wanted])
        yield Field(Tag.TILE_LENGTHS, word, chunks.lengths[wanted])
    else:
        yield Field(Tag.ROWS_PER_STRIP, LONG, [chunks.size.height])
        yield Field(Tag.STRIP_OFFSETS, word, chunks.offsets[wanted])
        yield Field(Tag.STRIP_LENGTHS, word, chunks.lengths[wanted])


def _hints(
    source: Source | PartialSource, original: Directory, layout: Layout, chunks: Chunks
) -> Iterator[Field]:
    """Repeat what those who unpack have to know."""
    copied = [Tag.FILL_ORDER]
    copied += [Tag.PREDICTOR] * (layout.compression in PREDICTED)
    copied += [Tag.T4_OPTIONS, Tag.T6_OPTIONS] * (layout.compression in OF_FAX)
    for tag in copied:
        for value in original.numbers(tag, 1):
            yield Field(tag, LONG, [value % 256])
    if layout.compression == Compression.JPEG:
        if tables := original.raw(Tag.JPEG_TABLES, MOST_TABLES):
            yield Field(Tag.JPEG_TABLES, UNDEFINED, tables)
        begin = source.content[chunks.offsets[0] : chunks.offsets[0] + SEARCHED]
        frame = frame_in(bytes(begin))
        yield Field(Tag.YCBCR_SUBSAMPLING, SHORT, frame.subsampling if frame else (2, 2))
    if is_subsampled(layout):
        yield Field(Tag.YCBCR_SUBSAMPLING, SHORT, layout.subsampling)
        yield Field(Tag.YCBCR_COEFFICIENTS, FLOAT, layout.coefficients)
        yield Field(Tag.REFERENCE_BLACK_WHITE, FLOAT, layout.black_and_white)
