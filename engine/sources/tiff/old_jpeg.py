"""Old-style JPEG in TIFF, as far as it is a complete JPEG file: read like new-style JPEG.

Where there are only scans, and tables elsewhere, nobody agrees on what is meant.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from engine.sources.source import Content
from engine.sources.tiff.directory import Directory
from engine.sources.tiff.jpeg import BEGINS, SEARCHED, frame_in, reaches_scan
from engine.sources.tiff.layout import Chunks, Layout, read_layout
from engine.sources.tiff.tags import Compression, Numbers, Photometric, Tag

OLD_JPEG = 6


def first_page(data: Content) -> Layout:
    """Read a file's first directory, with old-style JPEG as a strip of the new one."""
    layout = read_layout(data)
    return _renewed(data, layout) if layout.compression == OLD_JPEG else layout


def _renewed(data: Content, layout: Layout) -> Layout:
    for place, length in _places(data, layout):
        begin = bytes(data[place : place + min(length, SEARCHED)])
        frame = frame_in(begin) if begin.startswith(BEGINS) and reaches_scan(begin) else None
        if frame is not None and frame.size == layout.size and frame.samples in {1, 3}:
            return _of_one_strip(layout, place, length, frame.samples)
    return layout


def _of_one_strip(layout: Layout, place: int, length: int, samples: int) -> Layout:
    return replace(
        layout,
        compression=Compression.JPEG,
        photometric=Photometric.YCBCR if samples == 3 else Photometric.BLACK_IS_ZERO,
        samples=samples,
        bits=(8,),
        numbers=(Numbers.UNSIGNED,),
        extras=(),
        planar=False,
        chunks=Chunks(layout.size, tiled=False, offsets=(place,), lengths=(length,)),
    )


def _places(data: Content, layout: Layout) -> Iterator[tuple[int, int]]:
    """Tell where a JPEG file may lie: where the directory says so, or as the only strip.

    Some writers count its header alone, and let the only strip follow with the scan.
    """
    directory, rest = Directory(data), len(data)
    places = directory.numbers(Tag.JPEG_FILE, 1)
    lengths = directory.numbers(Tag.JPEG_FILE_LENGTH, 1)
    single = len(layout.chunks.offsets) == 1
    strip = layout.chunks.offsets[0] if single else rest
    strip_length = layout.chunks.lengths[0] if single and layout.chunks.lengths else 0
    if places:
        length = (lengths and lengths[0]) or strip_length or max(0, rest - places[0])
        yield places[0], length
        if places[0] + length == strip:
            yield places[0], length + strip_length
    if single:
        yield strip, strip_length or max(0, rest - strip)
