"""GIF's outer structure: whether a file ends where one of its blocks does.

libvips gives what it finds of a GIF that was cut short and calls that a picture.
"""

from engine.sources.source import Content

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_SCREEN, _DESCRIPTOR = 13, 10  # bytes of the header and of an image's description


def is_cut_short(data: Content) -> bool:
    """Tell whether the bytes end within a block; a missing trailer alone is forgiven."""
    try:
        at = _SCREEN + _table(data[_SCREEN - 3])
        while at < len(data) and data[at] in {_EXTENSION, _IMAGE}:
            if data[at] == _IMAGE:
                at += _DESCRIPTOR + _table(data[at + _DESCRIPTOR - 1]) + 1
            else:
                at += 2
            at = _after_blocks(data, at)
    except IndexError:
        return True
    return at > len(data)


def _table(flags: int) -> int:
    """Give the bytes of the colour table that a flags byte announces."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: Content, at: int) -> int:
    """Skip blocks, each led by its length, up to and over the empty one that ends them."""
    while (length := data[at]) != 0:
        at += length + 1
    return at + 1
