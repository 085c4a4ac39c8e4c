"""Reads font files: their faces, and the characters that a face can draw.

HarfBuzz reads them. A face is named as fontconfig names it: by the family of its name table
(name 1), and bold or italic by its own style values.
"""

from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import uharfbuzz as harfbuzz
from msgspec import Struct

from engine.errors import UnusableFonts

ENDINGS = {".ttf", ".otf", ".ttc", ".otc"}
BOLD = 600  # the least weight that counts as bold


class Style(Enum):
    """The style of a face within its family, as it is requested by name."""

    REGULAR = "Regular"
    BOLD = "Bold"
    ITALIC = "Italic"
    BOLD_ITALIC = "Bold Italic"


class Face(Struct, frozen=True):
    """One font: a family in one style, and the path of its file."""

    family: str
    style: Style
    path: str
    number: int = 0
    """Its index in a collection."""

    @property
    def name(self) -> str:
        """The family, and the style unless it is the regular one."""
        plain = self.style is Style.REGULAR
        return self.family if plain else f"{self.family} {self.style.value}"

    @property
    def characters(self) -> frozenset[int]:
        """The characters that it can draw."""
        return _characters(self.path, self.number)


def read_folder(folder: Path) -> tuple[Face, ...]:
    """Read the faces of a folder and its subfolders, in the order of their paths.

    Hidden files and files without a font's ending are ignored. Raises UnusableFonts if
    there is no such folder, nothing in it, or a font that cannot be read.
    """
    if not folder.is_dir():
        raise UnusableFonts(f"{folder}: expected a folder of fonts, found none")
    faces = tuple(face for path in _font_files(folder) for face in read_faces(path))
    if not faces:
        raise UnusableFonts(f"{folder}: expected fonts ({' '.join(sorted(ENDINGS))}), found none")
    return faces


def _font_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in ENDINGS and not hidden and path.is_file():
            if not path.resolve().is_relative_to(folder.resolve()):
                raise UnusableFonts(f"{path}: a link that leads out of the folder")
            yield path


def read_faces(path: Path) -> list[Face]:
    """Read the faces of a file; UnusableFonts if it is no font.

    One whose weight can be varied as far as bold counts as two.
    """
    places = range(max(1, _open(path).count))
    return [face for number in places for face in _faces(path, number)]


def _faces(path: Path, number: int) -> Iterator[Face]:
    face = _open(path, number)
    family = face.get_name(harfbuzz.OTNameIdPredefined.FONT_FAMILY)
    if not family or "," in family or not face.unicodes:
        raise UnusableFonts(f"{path}: expected a font, its name without a comma; got {family!r}")
    font = harfbuzz.Font(face)
    bold = font.get_style_value(harfbuzz.StyleTag.WEIGHT) >= BOLD
    italic = font.get_style_value(harfbuzz.StyleTag.ITALIC) > 0
    bolder = any(axis.tag == "wght" and axis.max_value >= BOLD for axis in face.axis_infos)
    for weight in sorted({bold, bold or bolder}):
        style = Style(" ".join(["Bold"] * weight + ["Italic"] * italic) or "Regular")
        yield Face(family, style, str(path), number)


@cache
def _characters(path: str, number: int) -> frozenset[int]:
    return frozenset(_open(Path(path), number).unicodes)


def open_font(face: Face) -> Any:
    """Open the file of a face for HarfBuzz."""
    return _open(Path(face.path), face.number)


def _open(path: Path, number: int = 0) -> Any:
    try:
        return harfbuzz.Face(harfbuzz.Blob.from_file_path(str(path)), number)
    except harfbuzz.HarfBuzzError as error:
        raise UnusableFonts(f"{path}: cannot be read: {error}") from error
