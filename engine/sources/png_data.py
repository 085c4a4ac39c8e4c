"""PNG's pixels as zlib's data: whether all are there, whatever the sums that check them say.

Browsers and Pillow show a file whose rows are all there, though zlib's sum of them lacks, or the
end of the file; browsers show one whose sum is wrong, too. libpng does not give the last row then.
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from engine.sources.source import Buffer

_PIECE = 16 * 1024  # bytes that are inflated at once, to 16 MB at most
_SLACK = 64 * 1024  # bytes beyond the last row that are inflated for the sake of the sum
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour types
_SUM, _ZLIB_HEADER = 4, 2  # bytes
_HEADER = slice(16, 29)  # of the file
# Of Adam7's passes: the first column and row, and the distances of columns and rows.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip
_EMPTY_BLOCK = b"\3\0"  # deflate's last block, with nothing in it
_END = b"\0\0\0\0IEND\xaeB`\x82"


class _Chunk(NamedTuple):
    """Where the body of a chunk lies; `end` is beyond its sum, and both may be beyond the file."""

    start: int
    body_end: int
    end: int


def completed(data: Buffer) -> bytes | None:
    """Give a copy with the sum and the end that lack, or with a sum that is right.

    None if that makes nothing whole: rows are missing, or bytes are not those that were written.
    The sum of a chunk tells that, where it is there.
    """
    view = memoryview(data)
    chunks = list(_data_chunks(view))
    if len(view) < _HEADER.stop or not chunks:
        return None
    if not all(_is_as_written(view, chunk) for chunk in chunks):
        return None
    found = b"".join(view[chunk.start : chunk.body_end] for chunk in chunks)
    checked = chunks[-1].end <= len(view)
    stream = _completed(found, _length(bytes(view[_HEADER])), checked)
    if stream is None or (found.startswith(stream) and checked):
        return None
    rest = view[chunks[-1].end :]
    head = view[: chunks[0].start - 8]
    sum_of_chunk = zlib.crc32(stream, zlib.crc32(b"IDAT")).to_bytes(4, "big")
    length = len(stream).to_bytes(4, "big")
    return b"".join([head, length, b"IDAT", stream, sum_of_chunk, rest or _END])


def _data_chunks(data: memoryview) -> Iterator[_Chunk]:
    """List the chunks of pixels, which follow each other."""
    at, found = 8, False
    while at + 8 <= len(data):
        name, end = bytes(data[at + 4 : at + 8]), at + 8 + int.from_bytes(data[at : at + 4], "big")
        if name == b"IDAT":
            found = True
            yield _Chunk(at + 8, end, end + _SUM)
        elif found:
            return
        at = end + _SUM


def _is_as_written(data: memoryview, chunk: _Chunk) -> bool:
    """Compare a chunk with its sum, if all of that is there."""
    if chunk.end > len(data):
        return True
    told = int.from_bytes(data[chunk.body_end : chunk.end], "big")
    return zlib.crc32(data[chunk.start - 4 : chunk.body_end]) == told


def _length(header: bytes) -> int:
    """Compute how many bytes all rows have, each with that of its filter (PNG 8.1, 7.2)."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits, interlaced = header[8] * _SAMPLES.get(header[9], 0), header[12]
    length = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            length += rows * (1 + (columns * bits + 7) // 8)
    return length


def _completed(stream: bytes, length: int, checked: bool) -> bytes | None:
    """Write zlib's stream anew with its end and its sum, if it has all bytes.

    If no sum of a chunk has `checked` the last of them, the stream must have its end, and of its
    own sum what is there must be right: bytes that are left out further up look like a cut, too.
    """
    inflater, written, total = zlib.decompressobj(-zlib.MAX_WBITS), zlib.adler32(b""), 0
    pieces = (stream[at : at + _PIECE] for at in range(_ZLIB_HEADER, len(stream), _PIECE))
    used = _ZLIB_HEADER
    try:
        for piece in pieces:
            made = inflater.decompress(piece)
            written, total = zlib.adler32(made, written), total + len(made)
            used += len(piece) - len(inflater.unused_data)
            if inflater.eof or total > length + _SLACK:
                break
        end = b"" if inflater.eof or not checked else _EMPTY_BLOCK
        inflater.decompress(end)
    except zlib.error:
        return None
    sum_of_all = written.to_bytes(_SUM, "big")
    right = checked or sum_of_all.startswith(stream[used : used + _SUM])
    if total < length or not inflater.eof or not right:
        return None
    return b"".join([stream[:used], end, sum_of_all])
