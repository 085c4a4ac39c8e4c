"""The letters of a text node as ink in memory."""

from engine.fonts import TYPEFACES
from engine.geometry import rnd
from engine.ir import Letters
from engine.text.measure import ISOLATED, font_of, raised_by_strut
from engine.vips import Image, ink_of
from engine.vips.glyphs import Ink


def draw(letters: Letters) -> Ink | None:
    """Draw letters in memory; None if they have no ink."""
    faces = tuple(map(TYPEFACES.find, letters.fonts))
    between = letters.height / len(letters.lines)
    raised = raised_by_strut(faces[0], letters.size)
    inks = []
    for index, line in enumerate(letters.lines):
        ink = ink_of(ISOLATED.format(line), font_of(faces), letters.size, strut=True)
        if ink is not None:
            inks.append(ink._replace(top=ink.top - raised + rnd(index * between)))
    return _together(inks) if inks else None


def _together(inks: list[Ink]) -> Ink:
    """Join neighbours first: so each pixel is copied a few times, not once a line."""
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
