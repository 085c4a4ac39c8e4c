"""How closely a file packs its pixels: levels of few bits, or palette indices."""

from typing import NamedTuple

Colour = tuple[int, int, int, int]
BLACK: Colour = (0, 0, 0, 255)
CLEAR: Colour = (0, 0, 0, 0)
MOST_COLOURS = 256


class Packing(NamedTuple):
    """The bits of a pixel, 1, 2, 4 or 8, and the colours that it is a place among.

    `colours` are all that the pixels may have, red, green, blue and alpha, before any profile
    is applied; none where they are levels, or where there are more than `MOST_COLOURS`.
    """

    bits: int = 8
    colours: tuple[Colour, ...] = ()


PLAIN = Packing()


def indexed(colours: list[Colour]) -> Packing:
    """Pack pixels that have some colours, each counted once, as closely as PNG does."""
    distinct = tuple(dict.fromkeys(colours))
    if len(distinct) > MOST_COLOURS:
        return PLAIN
    return Packing(bits_for(len(distinct)), distinct)


def levels(bits: int, hidden: int = -1) -> Packing:
    """Pack levels of so many bits as a palette of greys, of which one may be transparent."""
    most = 2**bits - 1
    greys = (255 * level // most for level in range(2**bits))
    return indexed([(grey, grey, grey, 255 * (at != hidden)) for at, grey in enumerate(greys)])


def bits_for(count: int) -> int:
    """Return the bits that tell so many colours apart."""
    return next(bits for bits in (1, 2, 4, 8) if count <= 2**bits)
