"""Make the fonts of engine/fonts/shipped that are subsets of larger ones, and the strut.

    python -m tools.make_fonts NotoSansCJK-Regular.ttc DejaVuSans.ttf

The arguments are the published fonts, in the versions that engine/fonts/shipped/README.md names.
The subsets have the characters that the other shipped fonts lack.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

FOLDER = Path(__file__).parents[1] / "engine" / "fonts" / "shipped"
STRUT = FOLDER.parent / "strut.ttf"
EM, STRUT_ASCENT = 1000, 8000
SIMPLIFIED_CHINESE = 2  # place of the SC face in the collection
EMOJI = 0x1F000  # from here on characters are drawn with Noto Emoji
HAN = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x30000))
CJK_SIGNS = ((0x3000, 0x3040), (0x3041, 0x3130), (0x31F0, 0x3200), (0xFF01, 0xFFE7))
BIG5 = (b"\xa4\x40", b"\xc9")  # its first level
JIS_X_0208 = b"\x88\x9f"  # where Han begins in Shift JIS
SYLLABLES = (0xAC00, 0xD7A4)
HANGUL = ((0x3131, 0x318F), SYLLABLES)
NAMED = (1, 3, 4, 6, 16, 17)


def main(cjk: str, dejavu: str) -> None:
    """Write the four subsets and the strut."""
    common, more, hangul = cjk_characters()
    _write(cjk, SIMPLIFIED_CHINESE, common, "Noto Sans CJK Common", "NotoSansCJKCommon-Regular.otf")
    _write(cjk, SIMPLIFIED_CHINESE, more, "Noto Sans CJK More", "NotoSansCJKMore-Regular.otf")
    _write(cjk, SIMPLIFIED_CHINESE, hangul, "Noto Sans CJK Hangul", "NotoSansCJKHangul-Regular.otf")
    elsewhere = _covered(["LiberationSans-Regular", "NotoSansArabic-Regular", "NotoEmoji-Regular"])
    rest = {c for c in _characters(TTFont(dejavu)) - elsewhere if 0x250 <= c < EMOJI}
    _write(dejavu, 0, rest, "DejaVu Sans Symbols", "DejaVuSansSymbols-Regular.ttf")
    _write_strut(STRUT)


def cjk_characters() -> tuple[set[int], set[int], set[int]]:
    """Return what GB 2312 holds with kana and signs, then more, and the rarer hangul.

    More is traditional, Japanese and, of Korean, what KS X 1001 holds.
    """
    han = set(_within(HAN))
    common = {c for c in han if _encoded(c, "gb2312")} | set(_within(CJK_SIGNS))
    traditional = {c for c in han if BIG5[0] <= _encoded(c, "big5") < BIG5[1]}
    japanese = {c for c in han if _encoded(c, "shift_jis") >= JIS_X_0208}
    korean = {c for c in _within(HANGUL) if len(_encoded(c, "euc_kr")) == 2}
    return common, (traditional | japanese | korean) - common, set(_within((SYLLABLES,))) - korean


def _encoded(character: int, codec: str) -> bytes:
    return chr(character).encode(codec, "ignore")


def _within(ranges: Iterable[tuple[int, int]]) -> Iterable[int]:
    return (c for low, high in ranges for c in range(low, high))


def _covered(names: Iterable[str]) -> set[int]:
    return set().union(*(_characters(TTFont(FOLDER / f"{name}.ttf")) for name in names))


def _characters(font: TTFont) -> set[int]:
    return set(font.getBestCmap())


def _write(source: str, number: int, characters: set[int], family: str, name: str) -> None:
    options = subset.Options(
        font_number=number, hinting=False, layout_features=[], notdef_outline=True,
        drop_tables=["BASE", "FFTM", "GPOS", "GSUB", "GDEF", "VORG", "vhea", "vmtx", "DSIG"],
        name_IDs=["*"], recommended_glyphs=False,
    )  # fmt: skip
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    _rename(font, family)
    subset.save_font(font, FOLDER / name, options)


def _write_strut(path: Path) -> None:
    """Write a font of one glyph without ink or width, in a line higher than any other font's."""
    builder = FontBuilder(EM, isTTF=True)
    pen = TTGlyphPen(None)
    for step, corner in enumerate([(0, 0), (0, EM), (EM, EM), (EM, 0)]):
        (pen.lineTo if step else pen.moveTo)(corner)
    pen.closePath()
    blank = TTGlyphPen(None).glyph()
    builder.setupGlyphOrder([".notdef", "strut", "block"])
    # fontconfig skips a font without visible glyphs
    builder.setupCharacterMap({0x78: "strut", 0xE000: "block"})
    builder.setupGlyf({".notdef": blank, "strut": blank, "block": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (0, 0), "strut": (0, 0), "block": (EM, 0)})
    builder.setupHorizontalHeader(ascent=STRUT_ASCENT, descent=0)
    builder.setupNameTable({"familyName": "Darkroom Strut", "styleName": "Regular"})
    builder.setupOS2(
        sTypoAscender=STRUT_ASCENT, sTypoDescender=0, usWinAscent=STRUT_ASCENT, usWinDescent=0
    )
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    builder.save(path)


def _rename(font: TTFont, family: str) -> None:
    """Give a subset a name of its own: the complete font may be installed too."""
    names = font["name"]
    plain = family.replace(" ", "") + "-Regular"
    names.names = [record for record in names.names if record.nameID not in NAMED]
    for number, text in ((1, family), (3, plain), (4, family), (6, plain)):
        names.setName(text, number, 3, 1, 0x409)
    if "CFF " in font:
        top = font["CFF "].cff
        top.fontNames = [plain]
        top[0].FullName, top[0].FamilyName = family, family


if __name__ == "__main__":
    main(*sys.argv[1:])
