"""Fonts for tests, made of those of the house."""

from pathlib import Path

from fontTools.ttLib import TTFont

from engine.typefaces import FOLDER


def font_named(folder: Path, family: str, source: str = "LiberationMono-Regular.ttf") -> Path:
    """Copy a font of the house under another family's name."""
    font = TTFont(FOLDER / source)
    for record in list(font["name"].names):
        if record.nameID in {1, 3, 4, 6, 16}:
            font["name"].setName(family, record.nameID, 3, 1, 0x409)
    path = folder / f"{family.replace(' ', '')}-{source}"
    font.save(path)
    return path
