"""Text drawn by Pango through libvips: the ink of one or more lines in the given fonts."""

import re
from html import escape
from typing import NamedTuple

from engine.fonts import FOLDER
from engine.vips.binding import Image, VipsError, load_font


class Font(NamedTuple):
    """What text is drawn in: families in the order in which they are asked, and their files."""

    families: tuple[str, ...]
    style: str
    files: tuple[str, ...]


class Ink(NamedTuple):
    """Where letters cover: one band of coverage, and its corner from the line's origin."""

    image: Image
    left: int
    top: int

    @property
    def end(self) -> tuple[int, int]:
        """Where it ends, to the right and below."""
        return self.left + self.image.width, self.top + self.image.height


class TooLargeToDraw(Exception):
    """Text whose ink is wider or higher than `LONGEST_INK`."""


LONGEST_INK = 32_767  # pixels a side of cairo's surfaces
# Letters with a stroke over them. Most fonts have no anchors for it and draw it half a letter to
# the right, so Pango draws the line instead.
STRUCK = re.compile("(?:[^\u0300-\u036f\\s][\u0300-\u034f]*[\u0335\u0336][\u0300-\u036f]*)+")
STROKES = str.maketrans("", "", "\u0335\u0336")
STRUCK_THROUGH = '<span strikethrough="true">{}</span>'
LANGUAGE = "en"  # of all text: its own is not known, and the process's must not matter
STRUT = '<span font_family="Darkroom Strut" fallback="false">x</span>'
STRUT_FONT = str(FOLDER.with_name("strut.ttf"))


def ink_of(text: str, font: Font, size: float, *, strut: bool = False) -> Ink | None:
    """Draw one or more lines at `size` pixels an em; None if nothing in them has ink.

    The text is literal: Pango's markup is escaped. A strut is a letter before it without ink
    and width that makes the line so high that no other font in it moves the baseline; for
    Pango it is Latin, as is the line's direction then. Raises TooLargeToDraw.
    """
    for path in (STRUT_FONT, *font.files):
        load_font(path)
    markup = f'<span lang="{LANGUAGE}">{STRUT * strut}{_marked_up(text)}</span>'
    families = ",".join(font.families)
    try:
        image = Image.text(
            markup, font=f"{families}, {font.style} {max(size, 0.001):.3f}px", dpi=72
        )
    except VipsError as error:
        if "no text to render" in str(error.detail):
            return None
        if "too big" in str(error.detail):
            raise TooLargeToDraw from error
        raise
    return Ink(image, image.xoffset, image.yoffset)


def _marked_up(text: str) -> str:
    """Escape text for Pango, and strike letters through that have a stroke over them."""
    parts, at = [], 0
    for found in STRUCK.finditer(text):
        letters = found[0].translate(STROKES)
        parts += [_escaped(text[at : found.start()]), STRUCK_THROUGH.format(_escaped(letters))]
        at = found.end()
    return "".join([*parts, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return escape(text, quote=False)
