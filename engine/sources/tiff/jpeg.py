"""The headers of JPEG data in TIFF, which often contradict the directory."""

from collections.abc import Iterator
from struct import error as unpackable
from struct import unpack_from
from typing import NamedTuple

from engine.geometry import Size

FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
SCAN = 0xDA
SEARCHED = 65_536  # bytes of a strip or tile in which its frame begins
BEGINS = b"\xff\xd8\xff"


class JpegFrame(NamedTuple):
    """A frame; `subsampling` is how many pixels across and down share a colour."""

    size: Size
    samples: int
    subsampling: tuple[int, int]


def reaches_scan(data: bytes) -> bool:
    """Tell whether segment follows segment up to the first scan's."""
    return any(marker == SCAN for marker, _ in _segments(data))


def frame_in(data: bytes) -> JpegFrame | None:
    """Find the frame in the beginning of JPEG's data; None if it cannot be seen."""
    try:
        for marker, at in _segments(data):
            if marker in FRAMES:
                height, width, samples = unpack_from(">HHB", data, at + 5)
                across, down = divmod(data[at + 11], 16)
                return JpegFrame(Size(width, height), samples, (across, down))
    except (IndexError, unpackable):
        pass
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """List markers with their places, up to the first scan's or as far as the bytes go."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, (length,) = data[at + 1], unpack_from(">H", data, at + 2)
        yield marker, at
        if marker == SCAN:
            return
        at += 2 + length
