"""Fonts for tests, made from shipped ones."""

from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.TupleVariation import TupleVariation

from engine.fonts import FOLDER


def font_named(folder: Path, family: str, source: str = "LiberationMono-Regular.ttf") -> Path:
    """Copy a shipped font under another family's name."""
    font = TTFont(FOLDER / source)
    for record in list(font["name"].names):
        if record.nameID in {1, 3, 4, 6, 16}:
            font["name"].setName(family, record.nameID, 3, 1, 0x409)
    path = folder / f"{family.replace(' ', '')}-{source}"
    font.save(path)
    return path


def variable_font(folder: Path, family: str) -> Path:
    """Make a font with one bar, 100 units wide and 600 in bold."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "bar"])
    builder.setupCharacterMap({0x7C: "bar"})
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (100, 700), (100, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "bar": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "bar": (100, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.setupFvar([("wght", 400, 400, 700, "Weight")], [])
    points = [(0, 0), (0, 0), (500, 0), (500, 0), (0, 0), (500, 0), (0, 0), (0, 0)]
    builder.setupGvar({"bar": [TupleVariation({"wght": (0, 1, 1)}, points)]})
    path = folder / f"{family}[wght].ttf"
    builder.save(path)
    return path
