"""Checks that the frames of a GIF have all their pixels, which libnsgif does not."""

from engine.errors import SourceCorrupt
from engine.sources import Content, Source, SourceFormat, gif
from engine.vips.binding import Image, VipsError, open_image

# Bytes: room for codes that clear the table and end, of 12 bits, and for what fills a byte.
BEHIND_PIXELS = 4


def lacks_pixels(source: Source, pages: int) -> bool:
    """Decode each of the first frames alone; what no code has set is clear in it.

    A frame that cannot be decoded at all is no matter of this. One that is too short for its
    pixels is not decoded.
    """
    data = source.data
    if any(gif.is_short(data, frame) for frame in gif.first_frames(data, pages)):
        return True
    return any(_is_clear_somewhere(data) for data in gif.alone(source.data, pages))


def lacks_its_end(content: Content) -> bool:
    """Decode the frame whose data the file ends in, and tell whether any pixel is missing.

    Nothing that is not in the file may decide what a pixel is: a code that is cut off is none.
    Where pixels are all there long before the data end, others than these were written.
    """
    data = bytes(content[:])
    return not _is_whole(gif.last_alone(data)) or _is_whole(gif.last_alone(data, BEHIND_PIXELS))


def _is_whole(written: tuple[bytes, bytes] | None) -> bool:
    try:
        images = [_decoded(each) for each in written or ()]
    except (SourceCorrupt, VipsError):
        return False
    if not images or any(map(_has_clear_pixels, images)):
        return False
    return bool((images[0] != images[1]).max() == 0)


def _is_clear_somewhere(data: bytes) -> bool:
    try:
        return _has_clear_pixels(_decoded(data))
    except (SourceCorrupt, VipsError):
        return False


def _decoded(data: bytes) -> Image:
    return open_image(Source(data), SourceFormat.GIF, fail_on="none").copy_memory()


def _has_clear_pixels(image: Image) -> bool:
    return bool(image[image.bands - 1].min() < 255)
