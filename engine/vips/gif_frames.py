"""Checks that the frames of a GIF have all their pixels, which libnsgif does not."""

from engine.errors import SourceCorrupt
from engine.sources import Content, Source, SourceFormat, gif
from engine.vips.binding import Image, VipsError, open_image


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
    """
    written = gif.last_alone(bytes(content[:]))
    try:
        return written is None or _differ(*map(_decoded, written))
    except (SourceCorrupt, VipsError):
        return True


def _differ(image: Image, other: Image) -> bool:
    return _has_clear_pixels(image) or bool((image != other).max() > 0)


def _is_clear_somewhere(data: bytes) -> bool:
    try:
        return _has_clear_pixels(_decoded(data))
    except (SourceCorrupt, VipsError):
        return False


def _decoded(data: bytes) -> Image:
    return open_image(Source(data), SourceFormat.GIF, fail_on="none").copy_memory()


def _has_clear_pixels(image: Image) -> bool:
    return bool(image[image.bands - 1].min() < 255)
