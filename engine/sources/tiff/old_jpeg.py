"""Old-style JPEG in TIFF, as far as it is a complete JPEG file: read like new-style JPEG.

Where there are only scans, and tables elsewhere, nobody agrees on what is meant.
"""

from msgspec.structs import replace

from engine.sources.source import Content
from engine.sources.tiff.directory import Directory
from engine.sources.tiff.jpeg import BEGINS, SEARCHED, frame_in
from engine.sources.tiff.layout import Chunks, Layout, read_layout
from engine.sources.tiff.tags import Compression, Numbers, Photometric, Tag

OLD_JPEG = 6


def first_page(data: Content) -> Layout:
    """Read a file's first directory, with old-style JPEG as a strip of the new one."""
    layout = read_layout(data)
    return _renewed(data, layout) if layout.compression == OLD_JPEG else layout


def _renewed(data: Content, layout: Layout) -> Layout:
    place, length = _whole_file(data, layout)
    begin = bytes(data[place : place + SEARCHED])
    frame = frame_in(begin) if begin.startswith(BEGINS) else None
    if frame is None or frame.size != layout.size or frame.samples not in {1, 3}:
        return layout
    return replace(
        layout,
        compression=Compression.JPEG,
        photometric=Photometric.YCBCR if frame.samples == 3 else Photometric.BLACK_IS_ZERO,
        samples=frame.samples,
        bits=(8,),
        numbers=(Numbers.UNSIGNED,),
        extras=(),
        planar=False,
        chunks=Chunks(layout.size, tiled=False, offsets=(place,), lengths=(length,)),
    )


def _whole_file(data: Content, layout: Layout) -> tuple[int, int]:
    """Tell where a JPEG file lies: where the directory says so, or as the only strip."""
    directory = Directory(data)
    places = directory.numbers(Tag.JPEG_FILE, 1) or layout.chunks.offsets[:1]
    lengths = directory.numbers(Tag.JPEG_FILE_LENGTH, 1)
    if not lengths and len(layout.chunks.lengths) == 1:
        lengths = layout.chunks.lengths
    place = places[0] if places else len(data)
    return place, lengths[0] if lengths and lengths[0] else max(0, len(data) - place)
