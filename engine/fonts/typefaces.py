"""The available fonts: found by name, with fallback fonts for missing characters.

Text is drawn in the fonts that are shipped in `FOLDER`, and in those of a folder that an
operator adds; the machine's own fonts are never used. So an image comes out the same on every
machine, and a font or a character that is missing is an error that names it.
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
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Noto Sans CJK Common",
    "Noto Sans CJK More",
    "Noto Sans CJK Hangul",
    EMOJI,
)

# Unicode's Default_Ignorable_Code_Point: drawn as nothing by a font that has no glyph for it.
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
AS_EMOJI = "\ufe0f"  # asks that the character before it be shown as an emoji
FIRST_EMOJI = 0x2000  # characters below are shown as emoji only with AS_EMOJI


class Typefaces:
    """The faces that may be used, found by name."""

    def __init__(self, shipped: Sequence[Face]) -> None:
        self.faces: tuple[Face, ...] = ()
        self._shipped = {face.family for face in shipped}
        self._register(shipped)

    def add(self, folder: Path) -> None:
        """Add the fonts of a folder; raises UnusableFonts.

        A face of a family and style that exists already is ignored: shipped fonts have
        precedence, then the order of paths decides.
        """
        self._register(read_folder(folder))

    def find(self, name: str) -> Face:
        """Find a face by name: a family, optionally followed by a style.

        Case does not matter, and "Oblique" is read as "Italic". Raises UnknownFont.
        """
        key = _key(name)
        if key in self._names:
            return self._names[key][1]
        close = difflib.get_close_matches(key, self._names, n=1)
        hint = f"; did you mean {self._names[close[0]][0]!r}?" if close else ""
        raise UnknownFont(f"unknown font {name!r}{hint}")

    def faces_for(self, face: Face, text: str) -> tuple[Face, ...]:
        """Return a face, and the fallback faces for the characters of a text that it lacks.

        The operator's families are tried first, in the order of their paths, then `FALLBACK`.
        Raises MissingGlyph for characters that none has.
        """
        missing = needed(text)
        emoji = self._emoji_in(text, missing)
        chosen = [face]
        missing -= face.characters
        for other in self._fallback_faces(face.style) if missing else ():
            if found := missing & other.characters:
                chosen.append(other)
                missing -= found
        if missing:
            raise MissingGlyph(f"no font here has {_listed(missing)}")
        return (*chosen, *(e for e in emoji if e not in chosen))

    def origin(self, face: Face) -> str:
        """Return where a face comes from: "shipped", or its file in the operator's folder."""
        return "shipped" if face.family in self._shipped else face.path

    def aliases(self, family: str) -> list[str]:
        """List the other names of a family."""
        return [alias for alias, meant in self._aliases() if meant == family]

    def _register(self, faces: Iterable[Face]) -> None:
        by_key = {_key(face.name): face for face in self.faces}
        for face in faces:
            by_key.setdefault(_key(face.name), face)
        self.faces = tuple(by_key.values())
        self._families: dict[str, dict[Style, Face]] = {}
        for face in self.faces:
            self._families.setdefault(face.family, {})[face.style] = face
        self._names = {_key(name): (name, face) for name, face in self._all_names()}

    def _all_names(self) -> Iterator[tuple[str, Face]]:
        named = [(family, family) for family in self._families]
        for name, family in [*self._aliases(), *named]:
            for style, face in self._families[family].items():
                yield f"{name} {style.value}", face
                if style is Style.REGULAR:
                    yield name, face

    def _aliases(self) -> list[tuple[str, str]]:
        """Return the aliases, except those that are a family's own name."""
        own = {_key(family) for family in self._families}
        return [(alias, family) for alias, family in ALIASES.items() if _key(alias) not in own]

    def _fallback_faces(self, style: Style) -> Iterator[Face]:
        added = [family for family in self._families if family not in self._shipped]
        for family in (*added, *FALLBACK):
            yield self._nearest(family, style)

    def _nearest(self, family: str, style: Style) -> Face:
        faces = self._families[family]
        return faces.get(style) or faces.get(Style.REGULAR) or next(iter(faces.values()))

    def _emoji_in(self, text: str, characters: set[int]) -> list[Face]:
        """Return the emoji font where Pango may see emoji, even if another font has them."""
        emoji = self._nearest(EMOJI, Style.REGULAR)
        seen = {c for c in characters if c >= FIRST_EMOJI}
        return [emoji] if AS_EMOJI in text or seen & emoji.characters else []


def needed(text: str) -> set[int]:
    """Return the characters of a text that a font must have to draw it."""
    return {ord(c) for c in text if not c.isspace() and not IGNORABLE.match(c)}


def _key(name: str) -> str:
    return " ".join(name.casefold().split()).replace("oblique", "italic")


def _listed(characters: set[int]) -> str:
    """Name some of the characters."""
    some = sorted(characters)[:3]
    names = [f"U+{c:04X} ({unicodedata.name(chr(c), 'no name')})" for c in some]
    more = [f"{len(characters) - 3} more"] if len(characters) > 3 else []
    return " and ".join(filter(None, [", ".join((names + more)[:-1]), (names + more)[-1]]))


TYPEFACES = Typefaces(read_folder(FOLDER))


def add_fonts(folder: Path) -> None:
    """Add the fonts of a folder in this process; raises UnusableFonts."""
    TYPEFACES.add(folder)
