"""Checks that the frames of a GIF have all their pixels, which libnsgif does not."""

from engine.errors import SourceCorrupt
from engine.sources import Source, SourceFormat, gif
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


def _is_clear_somewhere(data: bytes) -> bool:
    try:
        image: Image = open_image(Source(data), SourceFormat.GIF, fail_on="none")
        return bool(image[image.bands - 1].min() < 255)
    except (SourceCorrupt, VipsError):
        return False
