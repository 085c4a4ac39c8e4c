"""Draws the text of a text layer in memory."""

from engine.fonts import TYPEFACES
from engine.geometry import rnd
from engine.ir import TextLayer
from engine.text.measure import ISOLATED, font_of, strut_offset
from engine.vips import Image, Ink, ink_of


def draw(text: TextLayer) -> Ink | None:
    """Draw text in memory; None if it has no ink."""
    faces = tuple(map(TYPEFACES.find, text.fonts))
    between = text.height / len(text.lines)
    offset = strut_offset(faces[0], text.size)
    inks = []
    for index, line in enumerate(text.lines):
        ink = ink_of(ISOLATED.format(line), font_of(faces), text.size, strut=True)
        if ink is not None:
            left = text.lefts[index] if text.lefts else 0
            top = rnd(index * between) + text.leading - offset
            inks.append(ink._replace(left=ink.left + left, top=ink.top + top))
    return _together(inks) if inks else None


def _together(inks: list[Ink]) -> Ink:
    """Join neighbours first, so that each pixel is copied a few times, not once a line."""
    if len(inks) == 1:
        return inks[0]
    middle = len(inks) // 2
    return _joined(_together(inks[:middle]), _together(inks[middle:]))


def _joined(one: Ink, other: Ink) -> Ink:
    left, top = min(one.left, other.left), min(one.top, other.top)
    right, bottom = (max(a, b) for a, b in zip(one.end, other.end, strict=True))

    def spread(ink: Ink) -> Image:
        return ink.image.embed(ink.left - left, ink.top - top, right - left, bottom - top)

    return Ink(spread(one).maxpair(spread(other)).copy_memory(), left, top)
