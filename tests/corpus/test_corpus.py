"""The short form of `make corpus`: each case that is kept comes out as this table says."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from engine import Output, Source, parse_batch, render
from tests.corpus.drive import NEAR
from tests.corpus.trial import DAMAGED, DONE, JOBS, PLAIN, SAME, tried
from tests.engine.images import DATA, Json

CASES = DATA / "cases"
MATRIX = [PLAIN, JOBS[1], JOBS[2], JOBS[-1]]  # the last one takes what is damaged


class Case(NamedTuple):
    """What is right for a file: its outcome, and how near the pixels are to another reader's.

    `decibels` are None where no other reader here gives what is right.
    """

    outcome: str = DONE
    decibels: float | None = SAME


REFUSED = Case("unsupported_format", None)
UNREAD = Case(decibels=None)  # by Pillow and tifffile; tests/engine/vips says what is right
TABLE = {
    "01_png_latin1_keyword_issue2026.png": Case(),
    "01b_png_latin1_keyword_valid_selfmade.png": Case(),
    "02_tiff_zstd_black_selfmade.tif": REFUSED,
    "03_tiff_ojpeg_tiled_blank.tif": REFUSED,
    "04_tiff_lab_alpha_invisible_cut.tif": UNREAD,
    "06_tiff_grey_alpha_planar.tiff": UNREAD,
    "07_tiff_cmyk_float_internal.tiff": UNREAD,
    "08_tiff_int8.tif": Case(decibels=8.7),  # Pillow takes signed numbers for unsigned ones
    "09_avif_mono_limited.avif": Case(),
    "10_avif_alpha_without_irot.avif": Case(),
    "12_tiff_extrasamples0.tiff": Case(),
    "13_tiff_12bit_called_corrupt.tiff": UNREAD,
    "14_png_exif_after_idat.png": Case(),
    "1bit_800x600.png": Case(),
    "grey_800x600.png": Case(),
    "half_eoi.jpg": Case("source_corrupt", None),
    "letterbox_logo.png": Case(),
    "logluv24.tif": UNREAD,
    "noeoi.jpg": UNREAD,
    "p3_16bit.png": Case(),
    "tall_200x20000.png": Case(),
    "xmp_alt.jpg": Case(decibels=NEAR),
}


def test_the_table_has_every_case() -> None:
    assert {path.name for path in CASES.iterdir()} - {"README.md"} == TABLE.keys()


@pytest.mark.parametrize("name", TABLE)
def test_a_case_comes_out_as_it_should(name: str) -> None:
    wanted = TABLE[name]
    found = tried(CASES / name, MATRIX if name != "tall_200x20000.png" else [PLAIN])
    accepted = DAMAGED if wanted.outcome == "source_corrupt" else wanted.outcome
    assert set(found.outcomes[:-1]) <= {wanted.outcome}
    assert found.outcomes[-1] == accepted
    assert found.reordered == (), "the order of jobs makes a difference"
    if wanted.decibels is None:
        assert found.decibels is None
    else:
        assert found.decibels is not None
        assert found.decibels >= wanted.decibels


def window(name: str, step: Json, **options: str) -> Output:
    job = {"destination": "o.png", "transformations": [step], **options}
    batch = parse_batch(json.dumps({"source": name, "jobs": [job]}).encode())
    ((_, made),) = render(Source.from_path(Path(CASES / name)), batch.jobs)
    assert isinstance(made, Output), made
    return made


def test_a_window_of_what_is_tall() -> None:
    step: Json = {"type": "fitmethod", "fit_type": "cropbox", "width": 400, "height": 400}
    made = window("tall_200x20000.png", step)
    assert (made.width, made.height) == (400, 400)


def test_rights_in_several_languages() -> None:
    made = window("xmp_alt.jpg", {"type": "resize", "width": 30}, keep="copyright")
    assert b"\xc2\xa9 default" in made.data or b"&#169; default" in made.data
