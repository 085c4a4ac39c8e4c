"""Which fonts there are, which one a name means, and which ones lend it characters.

Text is drawn in the fonts of the house, which lie in `FOLDER`, and in those of a folder that
an operator adds; the machine's own fonts are never asked. So a picture comes out the same on
every machine, and a font or a character that is not here is an error by name.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from engine.errors import MissingGlyph, UnknownFont
from engine.fonts.font_files import Face, Style, read_folder

FOLDER = Path(__file__).parent / "shipped"

ALIASES = {
    "Arial": "Liberation Sans",
    "Helvetica": "Liberation Sans",
    "Times": "Liberation Serif",
    "Times New Roman": "Liberation Serif",
    "Courier": "Liberation Mono",
    "Courier New": "Liberation Mono",
}
EMOJI = "Noto Emoji"
FALLBACK = (
    "Liberation Sans",
    "DejaVu Sans Symbols",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Sans CJK Common",
    "Noto Sans CJK More",
    EMOJI,
)

# Unicode's Default_Ignorable_Code_Point: drawn as nothing by a font that has no glyph for it.
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
AS_EMOJI = "\ufe0f"  # asks that the character before it be shown as an emoji
FIRST_EMOJI = 0x2000  # what lies below is shown as an emoji only when that is asked for


class Typefaces:
    """The faces that may be used, found by name."""

    def __init__(self, house: Sequence[Face]) -> None:
        self.faces: tuple[Face, ...] = ()
        self._house = {face.family for face in house}
        self._take(house)

    def add(self, folder: Path) -> None:
        """Let the fonts of a folder be used too; raises UnusableFonts.

        A face of a family and style that is here already is passed over: the house's come
        first, then the order of paths.
        """
        self._take(read_folder(folder))

    def find(self, name: str) -> Face:
        """Give the face that a name stands for: a family, which a style may follow.

        Case does not matter, and "Oblique" is read as "Italic". Raises UnknownFont.
        """
        key = _key(name)
        if key in self._names:
            return self._names[key][1]
        close = difflib.get_close_matches(key, self._names, n=1)
        hint = f"; did you mean {self._names[close[0]][0]!r}?" if close else ""
        raise UnknownFont(f"unknown font {name!r}{hint}")

    def faces_for(self, face: Face, text: str) -> tuple[Face, ...]:
        """Give a face and those that lend it the characters of a text that it has not.

        First are asked the operator's families, in the order of their paths, then `FALLBACK`.
        Raises MissingGlyph for what none has.
        """
        missing = needed(text)
        emoji = self._emoji_in(text, missing)
        chosen = [face]
        missing -= face.characters
        for other in self._lenders(face.style) if missing else ():
            if found := missing & other.characters:
                chosen.append(other)
                missing -= found
        if missing:
            raise MissingGlyph(f"no font here has {_told(missing)}")
        return (*chosen, *(e for e in emoji if e not in chosen))

    def origin(self, face: Face) -> str:
        """Tell where a face comes from: "shipped", or its file in the operator's folder."""
        return "shipped" if face.family in self._house else face.path

    def aliases(self, family: str) -> list[str]:
        """List the other names of a family."""
        return [alias for alias, meant in self._aliases() if meant == family]

    def _take(self, faces: Iterable[Face]) -> None:
        here = {_key(face.name): face for face in self.faces}
        for face in faces:
            here.setdefault(_key(face.name), face)
        self.faces = tuple(here.values())
        self._families: dict[str, dict[Style, Face]] = {}
        for face in self.faces:
            self._families.setdefault(face.family, {})[face.style] = face
        self._names = {_key(name): (name, face) for name, face in self._spellings()}

    def _spellings(self) -> Iterator[tuple[str, Face]]:
        named = [(family, family) for family in self._families]
        for name, family in [*self._aliases(), *named]:
            for style, face in self._families[family].items():
                yield f"{name} {style.value}", face
                if style is Style.REGULAR:
                    yield name, face

    def _aliases(self) -> list[tuple[str, str]]:
        """Give the aliases, but for those that are a family's own name."""
        own = {_key(family) for family in self._families}
        return [(alias, family) for alias, family in ALIASES.items() if _key(alias) not in own]

    def _lenders(self, style: Style) -> Iterator[Face]:
        added = [family for family in self._families if family not in self._house]
        for family in (*added, *FALLBACK):
            yield self._nearest(family, style)

    def _nearest(self, family: str, style: Style) -> Face:
        faces = self._families[family]
        return faces.get(style) or faces.get(Style.REGULAR) or next(iter(faces.values()))

    def _emoji_in(self, text: str, characters: set[int]) -> list[Face]:
        """Give the emoji font for text in which Pango may see one, whoever else has it."""
        emoji = self._nearest(EMOJI, Style.REGULAR)
        seen = {c for c in characters if c >= FIRST_EMOJI}
        return [emoji] if AS_EMOJI in text or seen & emoji.characters else []


def needed(text: str) -> set[int]:
    """Give the characters of a text that a font must have to draw it."""
    return {ord(c) for c in text if not c.isspace() and not IGNORABLE.match(c)}


def _key(name: str) -> str:
    return " ".join(name.casefold().split()).replace("oblique", "italic")


def _told(characters: set[int]) -> str:
    """Name some of the characters."""
    some = sorted(characters)[:3]
    told = [f"U+{c:04X} ({unicodedata.name(chr(c), 'no name')})" for c in some]
    more = [f"{len(characters) - 3} more"] if len(characters) > 3 else []
    return " and ".join(filter(None, [", ".join((told + more)[:-1]), (told + more)[-1]]))


TYPEFACES = Typefaces(read_folder(FOLDER))


def add_fonts(folder: Path) -> None:
    """Let text use the fonts of a folder from now on, in this process; raises UnusableFonts."""
    TYPEFACES.add(folder)
