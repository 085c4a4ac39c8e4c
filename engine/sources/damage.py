"""Classifies the warnings of libvips while it decodes: which of them mean damage.

Where the pixels that are left are not those that were written, the image is damaged. What
is odd in a file and changes no pixel is harmless: everybody shows it. The texts are those of
libvips 8.18 and of the libraries below it; one that no line knows counts as damage, for
silence is the worst answer.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from engine.sources.facts import SourceFormat


class Rule(NamedTuple):
    """A warning by its beginning, whether it means damage, and the reason with its source."""

    pattern: re.Pattern[str]
    damage: bool
    reason: str


_EVERYWHERE = (
    Rule(
        re.compile(
            r"error reading resolution|unknown EXIF resolution unit|unknown JFIF resolution unit"
        ),
        damage=False,
        reason="resolution only; libvips exif.c, jpeg2vips.c",
    ),
    Rule(
        re.compile(r"image_set: bad exif data|exif: |unable to init exif"),
        damage=False,
        reason="EXIF that cannot be read, or that is too long; libvips exif.c",
    ),
    Rule(
        re.compile(r".*(intent|profile|ICC)"),
        damage=False,
        reason="a profile that does not fit is left out; libvips icc_transform.c",
    ),
    Rule(
        re.compile(r"error in tile"),
        damage=True,
        reason="rows that the decoder could not make are left black; libvips tilecache.c",
    ),
)

# libjpeg is called by libtiff, too.
_BY_LIBJPEG = (
    Rule(
        re.compile(r"(VipsJpeg: )?Corrupt JPEG data: \d+ extraneous bytes"),
        damage=False,
        reason="bytes beyond those that were needed; libjpeg jdmarker.c next_marker",
    ),
    Rule(
        re.compile(r"(VipsJpeg: )?(Warning: unknown JFIF revision|Unknown Adobe color transform)"),
        damage=False,
        reason="the usual colours are assumed; libjpeg jdmarker.c, jdapimin.c",
    ),
    Rule(
        re.compile(r"(VipsJpeg: )?Invalid SOS parameters for sequential JPEG"),
        damage=False,
        reason="parameters of which sequential decoding needs none; libjpeg jdhuff.c",
    ),
)
_JPEG = (
    *_BY_LIBJPEG,
    Rule(
        re.compile(r"VipsJpeg: Corrupt JPEG data: premature end of data segment"),
        damage=True,
        reason="data end within the image, grey follows; libjpeg jdhuff.c",
    ),
    Rule(
        re.compile(r"VipsJpeg: Corrupt JPEG data: bad (Huffman|arithmetic) code"),
        damage=True,
        reason="zeros stand for what cannot be read; libjpeg jdhuff.c, jdarith.c",
    ),
    Rule(
        re.compile(r"VipsJpeg: Corrupt JPEG data: found marker 0x.. instead of RST"),
        damage=True,
        reason="rows are missing or in a wrong place; libjpeg jdmarker.c",
    ),
    Rule(
        re.compile(r"VipsJpeg: Inconsistent progression sequence"),
        damage=True,
        reason="a scan is missing; libjpeg jdphuff.c",
    ),
    Rule(
        re.compile(r"VipsJpeg: [Pp]remature end of JPEG"),
        damage=True,
        reason="an end marker was put at the end, so data are missing; libvips jpeg2vips.c",
    ),
    Rule(
        re.compile(r"read gave 1 warnings"),
        damage=False,
        reason="its text follows; libvips jpeg2vips.c readjpeg_free",
    ),
    Rule(
        re.compile(r"read gave \d+ warnings"),
        damage=True,
        reason="only the first is told, the others are in the data; libvips jpeg2vips.c",
    ),
)
_TIFF = (
    *_BY_LIBJPEG,
    Rule(
        re.compile(r"Old-style LZW codes"),
        damage=False,
        reason="codes whose bits are in the other order; libtiff tif_lzw.c LZWDecodeCompat",
    ),
    Rule(
        re.compile(r"Try to decode \(read\) fax Group 3 data without EOL"),
        damage=False,
        reason="rows are told apart by their length alone; libtiff tif_fax3.c Fax3Decode1D",
    ),
    Rule(
        re.compile(r"."),
        damage=True,
        reason="its directory was written by us, so it is about the data; libtiff tif_*.c",
    ),
)
_PNG = (
    Rule(
        re.compile(r"[a-z][A-Za-z]{3}: "),
        damage=False,
        reason="an ancillary chunk is left out; libpng pngrutil.c, PNG 5.4",
    ),
    Rule(
        re.compile(r"\d+ text chunks, only \d+ text chunks will be loaded"),
        damage=False,
        reason="text, of which none is used; libvips vipspng.c",
    ),
    Rule(
        re.compile(
            r"Ignoring invalid time value|(malformed )?sPLT chunk|png_set_sPLT: invalid"
            r"|too many (text|sPLT|unknown) chunks|[Nn]o space in chunk cache"
            r"|Invalid (format for )?(sCAL|pCAL|iCCP|cICP) |cLLI |mDCV |keyword |bad keyword"
        ),
        damage=False,
        reason="the same, by warnings that do not begin with its name; libpng pngset.c",
    ),
    Rule(
        re.compile(r"PLTE: (ignored in grayscale PNG|invalid)"),
        damage=False,
        reason="a palette that no pixel needs, or it were an error; libpng pngrutil.c",
    ),
    Rule(
        re.compile(r"tRNS chunk has out-of-range samples|Invalid palette size, hIST"),
        damage=False,
        reason="a transparent colour that no pixel can have, a histogram; libpng pngset.c",
    ),
    Rule(
        re.compile(r"IDAT: (Extra compressed data|Too much image data)|Extra compressed data"),
        damage=False,
        reason="data beyond the last row; libpng pngrutil.c png_read_finish_IDAT",
    ),
)

RULES: dict[SourceFormat, tuple[Rule, ...]] = {
    SourceFormat.JPEG: _JPEG,
    SourceFormat.TIFF: _TIFF,
    SourceFormat.PNG: _PNG,
}


_COUNTED, _BY_VIPS = re.compile(r"read gave (\d+) warnings"), "VipsJpeg: "


def damage_in(source_format: SourceFormat, warnings: Sequence[str]) -> str | None:
    """Give the first warning that means damage to a file of this format; None if none does."""
    lines = [line.strip() for warning in warnings for line in warning.splitlines()]
    found = next((line for line in lines if line and _is_damage(source_format, line)), None)
    counted = _COUNTED.fullmatch(found or "")
    first = next((line for line in lines if line.startswith(_BY_VIPS)), "")
    if counted and first:
        return f"{counted[1]} warnings, the first of which is: {first.removeprefix(_BY_VIPS)}"
    return found


def _is_damage(source_format: SourceFormat, line: str) -> bool:
    rules = (*RULES.get(source_format, ()), *_EVERYWHERE)
    return next((rule.damage for rule in rules if rule.pattern.match(line)), True)
