"""HEIC as phones show it: turns, opacity, depths, profiles, grids; and without what decodes it."""

import io
import subprocess
import sys
from collections.abc import Callable
from struct import pack

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from engine import EngineLimits, Output, Source, read_facts, render
from engine.cost.codec_memory import decoder
from engine.errors import SourceCorrupt, SourceTooLarge, UnsupportedFormat
from engine.sources import SourceFormat, heif
from engine.vips import heic
from engine.vips.header import formats_read
from tests.engine.heic_files import HIGH, WIDE, grid, picture, turned
from tests.engine.heif_sequences import sequence_of
from tests.engine.images import Json, Pixels, decoded, encoded, jobs, make, pixels_of, smooth
from tests.engine.uploads import HEIC
from tests.engine.vips.test_png import in_srgb

WIDEST = 6  # levels that HEVC at quality 90 may be out by, on a gradient
AXES: dict[int | None, Callable[[Pixels], Pixels]] = {
    None: lambda pixels: pixels,
    0: np.flipud,
    1: np.fliplr,
}


def differs(made: Pixels, wanted: Pixels) -> float:
    assert made.shape == wanted.shape
    return float(np.abs(made.astype(int) - wanted).max())


@pytest.mark.parametrize("mirror", AXES)
@pytest.mark.parametrize("quarters", range(4))
def test_turns_are_the_containers_and_done_once(quarters: int, mirror: int | None) -> None:
    """EXIF of the same file tells of another orientation, as phones' does of the same one."""
    source = turned(quarters, mirror)
    still = pixels_of(turned(0, None))
    assert still.shape == (WIDE, HIGH, 3)
    wanted = AXES[mirror](np.rot90(still, quarters))
    assert np.array_equal(pixels_of(source), wanted)
    facts = read_facts(Source.from_bytes(source))
    assert facts.orientation == 1
    assert (facts.height, facts.width) == wanted.shape[:2]


def test_opacity_turns_with_the_colours_whether_the_file_says_so_or_not() -> None:
    data = picture("veiled-turned")
    made = pixels_of(data)
    assert differs(made[..., 3], 255 - made[..., 0]) <= 2 * WIDEST
    tables = heif.read_tables(data)
    assert tables is not None
    (turn,) = (t for t in tables.properties[tables.alpha[tables.primary]] if t.kind == b"irot")
    untold = data[: turn.place] + bytes(turn.size) + data[turn.place + turn.size :]
    assert heif.orientation_left(untold) is not None
    assert np.array_equal(pixels_of(untold), made)


def test_colours_that_are_multiplied_by_their_opacity_are_divided() -> None:
    made = pixels_of(picture("premultiplied"))
    assert differs(made[..., :3], smooth(WIDE, HIGH)) <= 2 * WIDEST


def test_ten_bits_and_grey_of_limited_levels() -> None:
    assert differs(pixels_of(picture("deep")), smooth(WIDE, HIGH)) <= WIDEST
    assert read_facts(Source.from_bytes(picture("deep"))).depth == 16
    grey = pixels_of(picture("grey-limited"))
    assert differs(grey[..., 0], smooth(WIDE, HIGH, 1)[..., 0]) <= WIDEST
    assert read_facts(Source.from_bytes(picture("grey-limited"))).bands == 1


def test_a_profile_and_code_points_are_converted() -> None:
    wanted = in_srgb(smooth(WIDE, HIGH), "P3")
    assert differs(pixels_of(picture("p3")), wanted) <= 2 * WIDEST
    coded = bytearray(turned(0, None))
    at = coded.index(b"nclx")
    coded[at + 4 : at + 8] = bytes([0, 12, 0, 13])
    wide = pixels_of(turned(0, None))
    assert differs(pixels_of(bytes(coded)), in_srgb(wide, "P3")) <= 3


def test_a_grid_is_one_image_and_so_is_what_an_aperture_shows_of_it() -> None:
    tile = pixels_of(picture("p3"))
    assert np.array_equal(pixels_of(grid(3, 2)), np.tile(tile, (2, 3, 1)))
    shown = pixels_of(grid(3, 2, (100, 40)))
    assert np.array_equal(shown, np.tile(tile, (2, 3, 1))[44:84, 142:242])


def test_an_image_is_limited_by_what_is_decoded_of_it() -> None:
    """Before any of it is: most of such a file are its tables."""
    source = Source.from_bytes(grid(30, 30, (8, 8)))
    facts = read_facts(source)
    assert facts.size == (8, 8)
    assert facts.coded_pixels == 3840 * 1920
    assert decoder(facts, 1).most > 3 * facts.coded_pixels
    with pytest.raises(SourceTooLarge, match=r"3840×1920"):
        read_facts(source, EngineLimits(max_source_pixels=7_000_000))


def test_opacity_and_tiles_are_decoded_whatever_the_size_of_the_image() -> None:
    whole = grid(1, 1)
    size = pack(">II", WIDE, HIGH)
    of_the_grid = whole.rindex(size, 0, whole.rindex(size))
    assert whole[of_the_grid - 8 : of_the_grid - 4] == b"ispe"
    less = whole[:of_the_grid] + pack(">II", 16, 8) + whole[of_the_grid + 8 :]
    assert heif.coded_size(less) == (WIDE, HIGH)
    tables = heif.Tables(primary=7, alpha={7: 2, 3: 4}, inputs={7: {3, 5}, 4: {7}, 6: {8}})
    assert tables.decoded() == {2, 3, 4, 5, 7}


def test_it_is_told_whether_there_are_fewer_samples_of_colour() -> None:
    """Those of phones have fewer, and take less memory."""
    whole, fewer = (read_facts(Source.from_bytes(data)) for data in (grid(2, 1), HEIC))
    assert (whole.subsampled, fewer.subsampled) == (False, True)
    assert decoder(fewer, 1).most < decoder(replace(fewer, subsampled=False), 1).most
    for told, expected in (("4:2:0", True), ("4:2:2", True), ("4:4:4", False), ("4:0:0", False)):
        avif = encoded(smooth(9, 9), "AVIF", subsampling=told)
        assert read_facts(Source.from_bytes(avif)).subsampled == expected


def test_a_size_of_zero_is_damage_and_no_lack_of_memory() -> None:
    """libheif calls it an error of memory: of a grid, and of opacity in HEVC's own header."""
    whole, opaque = grid(2, 1), picture("veiled-turned")
    at, sizes = whole.rindex(pack(">II", 2 * WIDE, HIGH)), opaque.rindex(b"hvcC") + 75
    for data in (
        whole[:at] + bytes(4) + whole[at + 4 :],
        opaque[:sizes] + b"\xff" * 4 + opaque[sizes + 4 :],
    ):
        with pytest.raises(SourceCorrupt, match="Invalid image size"):
            make(data)


@pytest.mark.parametrize(
    ("name", "entry"), [("p3", b"hev1"), ("turned", b""), ("deep", b""), ("grey-limited", b"")]
)
def test_a_sequence_without_a_still_image_is_its_first_picture(name: str, entry: bytes) -> None:
    """With its turns, profile, depth and levels, and within the same limits."""
    still = picture(name)
    source = sequence_of(still, b"hvc1", entry=entry)
    assert np.array_equal(pixels_of(source), pixels_of(still))
    facts = read_facts(Source.from_bytes(source))
    assert facts == read_facts(Source.from_bytes(still))
    with pytest.raises(SourceTooLarge):
        read_facts(Source.from_bytes(source), EngineLimits(max_source_pixels=WIDE * HIGH - 1))


def test_what_it_says_of_its_maker_may_be_kept() -> None:
    data = make(turned(1, None), destination="o.jpg", keep=["copyright"]).data
    exif = Image.open(io.BytesIO(data)).getexif()
    assert [exif[tag].rstrip("\0") for tag in (0x013B, 0x8298)] == ["Ada", "(c) Grace"]
    assert exif.get(0x0112, 1) == 1
    assert b"Ada" not in make(turned(1, None), destination="o.jpg").data


@pytest.mark.parametrize("kind", [b"Exi\xff", b"\xff\xfe\x80\xc3"])
def test_items_of_a_type_that_is_no_text_are_passed_over(kind: bytes) -> None:
    """pi-heif ends the process on one."""
    data = turned(1, None)
    assert data.count(b"Exif\0") >= 1
    garbled = data.replace(b"Exif\0", kind + b"\0")
    assert heif.with_ascii_types(data) is data
    assert np.array_equal(pixels_of(garbled), pixels_of(data))


def test_jobs_of_a_batch_and_a_watermark_are_made_of_it() -> None:
    source = Source.from_bytes(picture("veiled-turned"))
    small, mark = {"type": "resize", "width": 40}, {"type": "watermark", "source": "mark"}
    lists: list[list[Json]] = [[], [small], [small, {"type": "rotate", "degrees": 90}], [mark]]
    same = Source.from_bytes(encoded(pixels_of(picture("veiled-turned"))))
    made, wanted = (render(each, jobs(*lists), inputs={"mark": each}) for each in (source, same))
    for (_, one), (_, other) in zip(made, wanted, strict=True):
        assert isinstance(one, Output)
        assert isinstance(other, Output)
        assert np.array_equal(decoded(one.data), decoded(other.data))


@pytest.mark.parametrize("damaged", ["refuse", "accept"])
def test_a_file_that_is_cut_short_is_damaged(damaged: str) -> None:
    """Nothing can be read of it, for it is decoded at once."""
    data = picture("p3")
    for share in (0.05, 0.3, 0.6, 0.95):
        with pytest.raises(SourceCorrupt):
            make(data[: int(share * len(data))], damaged=damaged)


def test_an_image_without_a_size_is_damaged() -> None:
    data = bytearray(picture("deep"))
    at = data.index(b"ispe") + 8
    for side in (bytes(4), b"\x7f\xff\xff\xff"):
        data[at + 4 : at + 8] = side
        with pytest.raises((SourceCorrupt, SourceTooLarge)):
            read_facts(Source.from_bytes(bytes(data)))


def test_without_what_decodes_it_it_is_refused_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heic, "find_spec", lambda _name: None)
    heic.is_installed.cache_clear()
    try:
        with pytest.raises(
            UnsupportedFormat, match=r"takes the extra heic \(pip install '\.\[heic\]'\)"
        ):
            read_facts(Source.from_bytes(picture("p3")))
        assert SourceFormat.HEIC not in formats_read()
        heic.preload()
    finally:
        heic.is_installed.cache_clear()


def test_no_other_format_loads_it() -> None:
    code = (
        "import sys; from engine import Source, read_facts;"
        "read_facts(Source.from_bytes(sys.stdin.buffer.read()));"
        "assert 'pi_heif' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], input=encoded(smooth(9, 9)), check=True)
