"""What libvips warns of is judged, by format: damage is refused, what is odd passes."""

import pytest

from engine.sources import SourceFormat, damage_in
from engine.sources.damage import RULES


@pytest.mark.parametrize(
    ("source_format", "warning", "damage"),
    [
        (SourceFormat.JPEG, "VipsJpeg: Corrupt JPEG data: premature end of data segment\n", True),
        (SourceFormat.JPEG, "VipsJpeg: Corrupt JPEG data: 3 extraneous bytes before", False),
        (SourceFormat.JPEG, "read gave 1 warnings", False),
        (SourceFormat.JPEG, "read gave 11 warnings", True),
        (SourceFormat.PNG, "iCCP: too short", False),
        (SourceFormat.PNG, "IDAT: incorrect data check", True),
        (SourceFormat.PNG, "tRNS chunk has out-of-range samples for bit_depth", False),
        (SourceFormat.PNG, "Invalid palette size, hIST allocation skipped", False),
        (SourceFormat.PNG, "51 text chunks, only 50 text chunks will be loaded", False),
        (SourceFormat.PNG, "Ignoring invalid time value", False),
        (SourceFormat.PNG, "malformed sPLT chunk", False),
        (SourceFormat.PNG, "PLTE: ignored in grayscale PNG", False),
        (SourceFormat.PNG, "PLTE: CRC error", True),
        (SourceFormat.WEBP, "image_set: bad exif data", False),
        (SourceFormat.WEBP, "error in tile 0 x 8", True),
        (SourceFormat.WEBP, "what nobody has heard of", True),
    ],
)
def test_a_warning_is_judged(source_format: SourceFormat, warning: str, damage: bool) -> None:
    found = damage_in(source_format, ["error reading resolution", warning])
    assert found == (warning.strip() if damage else None)


@pytest.mark.parametrize(
    ("warning", "damage"),
    [
        ("Invalid SOS parameters for sequential JPEG", False),
        ("Old-style LZW codes, convert file", False),
        ("Try to decode (read) fax Group 3 data without EOL at line 0", False),
        ("Corrupt JPEG data: premature end of data segment", True),
        ("Premature EOL at line 4 of strip 0 (got 0, expected 6)", True),
    ],
)
def test_a_warning_of_libtiff_is_judged(warning: str, damage: bool) -> None:
    """Its directory is ours, so what no line knows is about the data."""
    assert damage_in(SourceFormat.TIFF, [warning]) == (warning if damage else None)


def test_every_line_has_a_reason_that_names_its_source() -> None:
    for rules in RULES.values():
        for rule in rules:
            assert any(library in rule.reason for library in ("libvips", "lib")), rule
