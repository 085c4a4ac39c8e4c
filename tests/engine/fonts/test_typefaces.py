"""The shipped fonts and those of a folder: names, coverage, files, and independence."""

import hashlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest
import uharfbuzz as harfbuzz
from fontTools.ttLib import TTFont

from engine.errors import MissingGlyph, UnknownFont, UnusableFonts
from engine.fonts import FOLDER, SAMPLES, TYPEFACES, Face, Style, read_folder, scripts_of
from engine.fonts.font_files import read_faces
from engine.fonts.typefaces import ALIASES, FALLBACK, Typefaces
from engine.text import line_height, text_extents
from engine.vips.glyphs import Font, ink_of
from tests.docs.pages import tables
from tests.fonts import font_named, variable_font

SHIPPED = read_folder(FOLDER)
FAMILIES = {face.family for face in SHIPPED}
TWINS = sorted(set(ALIASES.values()))
TEXTS = {
    **SAMPLES,
    "Chinese": "视野无限广，窗外有蓝天。視野無限廣，窗外有藍天。",
    "Japanese": "いろはにほへと、日本語の図書館で骨を直す。",
    "all at once": "Rag Ж שלום مرحبا 日本 한 😀 ☎ ½ “…”",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "fonts"
    made.mkdir()
    return made


def test_the_fonts_have_the_documented_styles() -> None:
    seen: dict[str, set[Style]] = {}
    for face in SHIPPED:
        seen.setdefault(face.family, set()).add(face.style)
    assert set(seen) == {*TWINS, *FALLBACK}
    for family, styles in seen.items():
        wanted = {Style.REGULAR, Style.BOLD, Style.ITALIC} if family in TWINS else {Style.REGULAR}
        assert styles == wanted, family


def test_every_file_is_in_the_notice_with_its_version_and_licence() -> None:
    [table] = tables((FOLDER / "README.md").read_text())
    rows = {row["file"].strip("`"): row for row in table}
    assert set(rows) == {Path(face.path).name for face in SHIPPED}
    for face in SHIPPED:
        row = rows[Path(face.path).name]
        names = TTFont(face.path)["name"]
        assert row["family"] == face.family
        assert f"ersion {row['version']}" in names.getDebugName(5)
    for name in re.findall(r"\]\((.*?)\)", str([row["licence"] for row in table])):
        assert (FOLDER / name).stat().st_size > 1000


def test_the_fonts_are_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.iterdir()]
    assert max(sizes) < 2_000_000
    assert sum(sizes) < 9_000_000


@pytest.mark.parametrize("face", SHIPPED, ids=lambda face: face.name)
def test_pango_draws_the_face_that_was_asked_for(face: Face) -> None:
    """Its advances are those of the file, and a line is as high as the file says."""
    font = harfbuzz.Font(harfbuzz.Face(harfbuzz.Blob.from_file_path(face.path)))
    em = font.face.upem
    signs = [c for c in map(chr, sorted(face.characters)) if c.isalnum() or c == "#"][-9:]
    for sign in signs:
        buffer = harfbuzz.Buffer()
        buffer.add_str(sign)
        buffer.guess_segment_properties()
        harfbuzz.shape(font, buffer)
        advance = sum(place.x_advance for place in buffer.glyph_positions) / em
        drawn = text_extents(sign, TYPEFACES.faces_for(face, f"{sign}|"), 100).width
        assert abs(drawn - 100 * advance) <= 1, sign
    metrics = font.get_font_extents("ltr")
    for size in (12, 33.3, 150):
        ascent, descent = metrics.ascender * size / em, -metrics.descender * size / em
        assert line_height(face, size) == math.ceil(ascent) + math.ceil(descent)


def test_all_of_hangul_can_be_written() -> None:
    syllables = set(range(0xAC00, 0xD7A4))
    owners = [face for face in SHIPPED if syllables & face.characters]
    assert [face.family for face in owners] == ["Noto Sans CJK Hangul", "Noto Sans CJK More"]
    assert syllables == syllables & owners[0].characters ^ syllables & owners[1].characters


def test_bold_and_italic_are_other_letters() -> None:
    for family in TWINS:
        faces = [face for face in SHIPPED if face.family == family]
        inks = [ink_of("R", Font((family,), f.style.value, (f.path,)), 60) for f in faces]
        seen = {bytes(ink.image.write_to_memory()) for ink in inks if ink is not None}
        assert len(seen) == len(faces) == 3


@pytest.mark.parametrize(
    ("name", "face"),
    [
        ("Arial", "Liberation Sans"),
        ("  times  NEW roman ", "Liberation Serif"),
        ("courier", "Liberation Mono"),
        ("Helvetica Bold", "Liberation Sans Bold"),
        ("Courier New Oblique", "Liberation Mono Italic"),
        ("arial regular", "Liberation Sans"),
        ("Liberation Serif ITALIC", "Liberation Serif Italic"),
        ("Noto Sans Arabic", "Noto Sans Arabic"),
    ],
)
def test_what_a_name_means(name: str, face: str) -> None:
    assert TYPEFACES.find(name).name == face


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Arail", "Arial"),
        ("Arial-Bold", "Arial Bold"),
        ("Arial Bold Italic", "Arial Italic"),
        ("Times New", "Times New Roman"),
        ("Noto Sans Arabic Bold", "Noto Sans Arabic"),
        ("Wingdings", None),
        ("", None),
        ("Darkroom Strut", None),
    ],
)
def test_an_unknown_name_is_an_error(name: str, nearest: str | None) -> None:
    with pytest.raises(UnknownFont) as caught:
        TYPEFACES.find(name)
    hint = f"; did you mean {nearest!r}?" if nearest else ""
    assert caught.value.message == f"unknown font {name!r}{hint}"


def test_every_script_can_be_written_in_every_font() -> None:
    for name, (script, text) in product([*ALIASES, "Times Bold", "Noto Emoji"], TEXTS.items()):
        faces = TYPEFACES.faces_for(TYPEFACES.find(name), text)
        assert len(faces) <= 6, f"{script} in {name}"


def test_every_script_is_covered_by_a_font_of_the_house() -> None:
    covered = {face.name: scripts_of(face.characters) for face in SHIPPED}
    assert covered["Liberation Serif Bold"] == ["Latin", "Greek", "Cyrillic", "Hebrew"]
    assert covered["Noto Sans Arabic"] == ["Arabic"]
    assert {script for scripts in covered.values() for script in scripts} == set(SAMPLES)


def test_a_font_borrows_only_what_it_has_not() -> None:
    def names(name: str, text: str) -> list[str]:
        return [face.name for face in TYPEFACES.faces_for(TYPEFACES.find(name), text)]

    assert names("Arial", "Rag שלום é") == ["Liberation Sans"]
    assert names("Times Bold", "Rag م") == ["Liberation Serif Bold", "Noto Sans Arabic"]
    assert names("Noto Emoji", "R國") == ["Noto Emoji", "Liberation Sans", "Noto Sans CJK More"]
    assert names("Arial", "©") == ["Liberation Sans"]
    assert names("Arial", "©\ufe0f") == ["Liberation Sans", "Noto Emoji"]
    with pytest.raises(MissingGlyph):
        names("Arial", "ᠠ")


def test_a_folder_adds_its_families(folder: Path) -> None:
    typefaces = Typefaces(SHIPPED)
    (folder / "deep").mkdir()
    path = font_named(folder / "deep", "Corporate One")
    (folder / ".hidden").mkdir()
    font_named(folder / ".hidden", "Hidden")
    (folder / "notes.txt").write_text("no font")
    typefaces.add(folder)
    face = typefaces.find("corporate one")
    assert (face.path, face.style) == (str(path), Style.REGULAR)
    assert typefaces.origin(face) == str(path)
    assert typefaces.origin(typefaces.find("Arial")) == "shipped"
    assert {face.family for face in typefaces.faces} - FAMILIES == {"Corporate One"}
    with pytest.raises(UnknownFont, match="did you mean 'Corporate One'"):
        typefaces.find("Corporate Won")


def test_a_font_of_an_alias_s_name_takes_its_place_but_none_takes_the_house_s(
    folder: Path,
) -> None:
    typefaces = Typefaces(SHIPPED)
    arial = font_named(folder, "Arial")
    font_named(folder, "Liberation Sans")
    typefaces.add(folder)
    assert typefaces.find("Arial").path == str(arial)
    assert typefaces.find("Helvetica").path == str(FOLDER / "LiberationSans-Regular.ttf")
    assert typefaces.find("Liberation Sans").path == str(FOLDER / "LiberationSans-Regular.ttf")
    with pytest.raises(UnknownFont):
        typefaces.find("Arial Bold")


def test_a_folder_s_fonts_are_asked_first_for_letters_that_are_missing(folder: Path) -> None:
    typefaces = Typefaces(SHIPPED)
    font_named(folder, "Our Arabic", "NotoSansArabic-Regular.ttf")
    typefaces.add(folder)
    chosen = typefaces.faces_for(typefaces.find("Times"), "م")
    assert [face.name for face in chosen] == ["Liberation Serif", "Our Arabic"]


def test_text_is_drawn_in_a_font_of_a_folder(folder: Path) -> None:
    """The stranger has the letters of Liberation Mono, so its lines are as long."""
    font_named(folder, "Drawn Once", "LiberationMono-Bold.ttf")
    typefaces = Typefaces(SHIPPED)
    typefaces.add(folder)
    stranger, mono = typefaces.find("Drawn Once Bold"), typefaces.find("Courier Bold")
    text = "WWiiW"
    assert text_extents(text, (stranger,), 50) == text_extents(text, (mono,), 50)
    assert text_extents(text, (stranger,), 50) != text_extents(
        text, (typefaces.find("Arial Bold"),), 50
    )


def test_a_font_of_variable_weight_has_a_bold(folder: Path) -> None:
    path = variable_font(folder, "Wide")
    faces = read_faces(path)
    assert [face.name for face in faces] == ["Wide", "Wide Bold"]
    inks = [ink_of("|", Font(("Wide",), f.style.value, (f.path,)), 100) for f in faces]
    assert [ink.image.width for ink in inks if ink is not None] == [10, 60]


def test_a_font_that_is_gone_when_it_is_wanted_is_an_error(folder: Path) -> None:
    """Rather than another font in its place."""
    path = font_named(folder, "Soon Gone")
    typefaces = Typefaces(SHIPPED)
    typefaces.add(folder)
    path.unlink()
    with pytest.raises(UnusableFonts, match=r"SoonGone.*ttf: cannot be read: "):
        text_extents("a", (typefaces.find("Soon Gone"),), 20)


def test_the_faces_of_a_collection_are_all_there(folder: Path) -> None:
    from fontTools.ttLib import TTCollection  # noqa: PLC0415

    collection = TTCollection()
    names = ("LiberationMono-Regular.ttf", "LiberationMono-Bold.ttf")
    collection.fonts = [TTFont(FOLDER / name) for name in names]
    collection.save(folder / "both.ttc")
    faces = read_faces(folder / "both.ttc")
    assert [(face.name, face.number) for face in faces] == [
        ("Liberation Mono", 0), ("Liberation Mono Bold", 1),
    ]  # fmt: skip
    assert faces[1].characters == faces[0].characters != frozenset()


def _folders(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    yield tmp_path / "missing", "expected a folder of fonts, found none"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "readme.txt").write_text("nothing")
    yield tmp_path / "empty", r"expected fonts \(.otc .otf .ttc .ttf\), found none"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.ttf").write_bytes(b"no font at all")
    yield tmp_path / "broken", "a.ttf: expected a font"
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "b.ttf").write_bytes(
        (FOLDER / "LiberationSans-Bold.ttf").read_bytes()[:999]
    )
    yield tmp_path / "cut", "b.ttf: expected a font"
    (tmp_path / "leads").mkdir()
    (tmp_path / "leads" / "c.ttf").symlink_to(FOLDER / "LiberationSans-Bold.ttf")
    yield tmp_path / "leads", "c.ttf: a link that leads out of the folder"


def test_a_bad_folder_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    for path, message in _folders(tmp_path):
        with pytest.raises(UnusableFonts, match=message):
            read_folder(path)


DRAW = """
import hashlib, json, sys
from engine import EngineLimits, Source, parse_batch, render
from PIL import Image
import io
image = io.BytesIO()
Image.new("RGB", (600, 200), "white").save(image, "PNG")
texts = json.loads(sys.argv[1])
steps = [
    {"type": "annotation", "text": "\\n".join(texts), "font": font, "size": 11, "gravity": "west"}
    for font in ("Arial", "Times Bold", "Courier Italic")
]
jobs = [{"destination": f"{i}.png", "transformations": [word]} for i, word in enumerate(steps)]
batch = parse_batch(json.dumps({"source": "a", "jobs": jobs}).encode())
svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='600' height='90'>" + b"".join(
    f"<text y='{20 * (1 + i)}' font-family='{family}'>{' '.join(texts)}</text>".encode()
    for i, family in enumerate(["Arial", "monospace", "Nonsense", "Times New Roman"])
) + b"</svg>"
plain = parse_batch(b'{"source": "a", "jobs": [{"destination": "a.png", "transformations": []}]}')
made = [*render(Source.from_bytes(image.getvalue()), batch.jobs)]
made += render(Source.from_bytes(svg), plain.jobs, limits=EngineLimits(allow_svg=True))
for _, made in made:
    print(hashlib.sha256(Image.open(io.BytesIO(made.data)).tobytes()).hexdigest())
"""

HOSTILE = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{folder}</dir>
  <match target="pattern"><edit name="family" mode="assign" binding="strong">
    <string>Arial</string></edit></match>
  <match target="font"><edit name="antialias" mode="assign"><bool>false</bool></edit></match>
</fontconfig>"""


def drawn(environ: dict[str, str]) -> str:
    """Draw every script in a process of its own; it must say nothing else."""
    done = subprocess.run(
        [sys.executable, "-c", DRAW, json.dumps(list(TEXTS.values()))],
        env={"PATH": os.defpath, "PYTHONPATH": str(FOLDER.parents[1]), **environ},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_machine_s_fonts_and_settings_change_nothing(tmp_path: Path) -> None:
    """A home with an Arial and a Liberation Sans of its own, and every variable turned."""
    for place in (".fonts", ".local/share/fonts", ".config/fontconfig"):
        (tmp_path / place).mkdir(parents=True)
    fonts = tmp_path / ".fonts"
    for family in ("Arial", "Liberation Sans", "Noto Emoji", "Darkroom Strut", "emoji"):
        font_named(fonts, family)
    hostile = HOSTILE.format(folder=fonts)
    (tmp_path / ".config" / "fontconfig" / "fonts.conf").write_text(hostile)
    (tmp_path / "fonts.conf").write_text(hostile)
    turned = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / ".local" / "share"),
        "XDG_CONFIG_HOME": str(tmp_path / ".config"),
        "XDG_CACHE_HOME": "/proc/nowhere",
        "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"),
        "FONTCONFIG_PATH": str(tmp_path),
        "FONTCONFIG_SYSROOT": str(tmp_path),
        "LANG": "C.UTF-8",
        "LANGUAGE": "ur:ja:zh_TW",
        "PANGO_LANGUAGE": "ur:ja",
        "FREETYPE_PROPERTIES": "truetype:interpreter-version=35 cff:no-stem-darkening=0",
        "HB_SHAPER_LIST": "fallback",
    }
    plain = drawn({"LANG": "C.UTF-8"})
    assert len(set(plain.split())) == 4
    assert drawn(turned) == plain


def test_text_in_svg_finds_the_same_fonts() -> None:
    rules = ElementTree.parse(FOLDER / "fonts.conf").getroot()
    aliases = {
        rule.findtext("family"): rule.findtext("accept/family") for rule in rules.iter("alias")
    }
    assert ALIASES.items() <= aliases.items()
    assert set(aliases) - set(ALIASES) == {"serif", "monospace"}
    appended = rules.findall("match/edit[@mode='append_last']/string")
    assert tuple(family.text for family in appended) == FALLBACK


def test_these_are_the_images_of_every_machine() -> None:
    """Whoever changes a font, libvips or how text is set sees here that images change."""
    kept = Path(__file__).parent.parent.parent / "data" / "text.sha256"
    assert hashlib.sha256(drawn({}).encode()).hexdigest() == kept.read_text().strip()
