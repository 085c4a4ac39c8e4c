"""What JPEG's own data say of subsampling, which the directory often says otherwise."""

from struct import error as unpackable
from struct import unpack_from

FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
SEARCHED = 65_536  # bytes of a strip or tile in which its frame begins


def subsampling_in(data: bytes) -> tuple[int, int] | None:
    """Tell how many pixels across and down share a colour; None if that cannot be seen."""
    at = 2
    try:
        while data[at] == 0xFF:
            marker, (length,) = data[at + 1], unpack_from(">H", data, at + 2)
            if marker in FRAMES:
                across, down = divmod(data[at + 11], 16)
                return across, down
            at += 2 + length
    except (IndexError, unpackable):
        pass
    return None
