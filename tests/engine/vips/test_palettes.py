"""PNG stays grey, of few bits or a palette where the source is and nothing is lost by it."""

import io
import zlib
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import EngineLimits, Source, Stats, read_facts
from engine.execute.renderer import Rendering
from engine.expand import expand
from engine.explain import explain
from engine.passes import optimise
from engine.schema import Mode
from engine.sources.metadata import icc
from engine.vips.palettes import Palette
from tests.engine.images import DATA, Json, Pixels, decoded, encoded, job, make, noise, smooth
from tests.engine.tiff_files import Tiff

MOVED: list[Json] = [
    {"type": "crop", "width": 21, "height": 17, "fit": False},
    {"type": "flip", "direction": "y"},
    {"type": "rotate", "degrees": 90},
    {"type": "flip", "direction": "x"},
]
CLEAR = 3  # a place


def drawn(count: int, kind: str = "PNG", **options: Any) -> bytes:
    """Draw with so many colours, the first of which are there in any case."""
    places = np.random.default_rng(count).integers(0, count, (25, 33)).astype(np.uint8)
    places.ravel()[:count] = np.arange(count)
    image = Image.fromarray(places).convert("L").convert("P")
    image.putdata(places.ravel().tolist())
    image.putpalette(noise(count, 1, seed=9).tobytes())
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def bits_of(png: bytes) -> tuple[int, int]:
    """Return the bits of a sample and the colour type."""
    return png[24], png[25]


def shown(data: bytes) -> Pixels:
    """Return what is seen with any decoder: a clear pixel has no colour."""
    pixels = np.array(Image.open(io.BytesIO(data)).convert("RGBA"))
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def moved(pixels: Pixels) -> Pixels:
    top, left = (25 - 17) // 2, (33 - 21) // 2
    return np.rot90(pixels[top : top + 17, left : left + 21][::-1], -1)[:, ::-1]


TURN = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\1\0\0" + bytes(4)
VEIL = bytes([9, 255, 128, 0, 77])
GREY, LEVELS, PLACES = noise(33, 25, 1), 0, 3
SOURCES: dict[str, tuple[bytes, tuple[int, int]]] = {
    "grey": (encoded(GREY), (8, LEVELS)),
    "grey of 1 bit": (encoded(GREY, mode="1"), (1, LEVELS)),
    "grey of 4 bits": (bytes(Tiff(GREY // 16, bits=4, photometric=1)), (4, LEVELS)),
    "grey of 2 bits": (bytes(Tiff(GREY // 64, bits=2, photometric=1)), (2, LEVELS)),
    "white is zero": (bytes(Tiff(GREY // 128, bits=1, photometric=0)), (1, LEVELS)),
    "grey and opacity": (encoded(noise(33, 25, 2)), (8, 4)),
    "grey with a clear level": (encoded(GREY, transparency=7), (8, PLACES)),
    "1 bit with a clear level": (encoded(GREY, mode="1", transparency=0), (1, PLACES)),
    "2 colours": (drawn(2), (1, PLACES)),
    "3 colours": (drawn(3), (2, PLACES)),
    "16 colours": (drawn(16), (4, PLACES)),
    "256 colours": (drawn(256), (8, PLACES)),
    "opacity": (drawn(200, transparency=VEIL), (8, PLACES)),
    "turned by EXIF": (drawn(16, exif=TURN), (4, PLACES)),
    "gif": (drawn(16, "GIF"), (8, PLACES)),  # of 8 bits, too

    "gif of 256": (drawn(256, "GIF"), (8, PLACES)),
    "gif with a hole": (drawn(16, "GIF", transparency=CLEAR), (8, PLACES)),
    "tiff": (drawn(200, "TIFF"), (8, PLACES)),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("steps", [[], MOVED], ids=["as it is", "moved"])
def test_kinds_are_kept_to_the_bit(name: str, steps: list[Json]) -> None:
    source, kind = SOURCES[name]
    made = make(source, *steps).data
    assert bits_of(made) == kind
    assert np.array_equal(shown(made), moved(shown(source)) if steps else shown(source))


@pytest.mark.parametrize("name", ["grey_800x600.png", "1bit_800x600.png"])
def test_real_files_do_not_grow(name: str) -> None:
    source = (DATA / "cases" / name).read_bytes()
    made = make(source).data
    assert bits_of(made) == bits_of(source)
    assert len(made) <= 1.1 * len(source)
    assert np.array_equal(decoded(made), decoded(source))


@pytest.mark.parametrize(
    ("name", "steps", "kind"),
    [
        ("1 bit as grey", {"type": "resize", "width": 20}, (8, 0)),
        ("grey", {"type": "resize", "width": 90}, (8, 0)),
        ("grey", {"type": "rotate", "degrees": 20}, (8, 4)),
        ("grey", {"type": "pad", "width": 3, "color": "#888"}, (8, 0)),
        ("grey", {"type": "pad", "width": 3, "color": "#f88"}, (8, 2)),
        ("grey", {"type": "filter", "filter": "sepia"}, (8, 2)),
        ("16 colours", {"type": "resize", "width": 20}, (8, 2)),
        ("16 colours", {"type": "rotate", "degrees": 20}, (8, 6)),
    ],
)
def test_what_is_computed_stays_grey_at_the_most(
    name: str, steps: Json, kind: tuple[int, int]
) -> None:
    source = SOURCES["grey of 1 bit" if name == "1 bit as grey" else name][0]
    made = make(source, steps).data
    assert bits_of(made) == kind
    widened = make(source, steps, destination="o.webp", options={"lossless": True}).data
    assert np.array_equal(shown(made), shown(widened))


def test_a_palette_that_is_asked_for_is_made() -> None:
    made = make(SOURCES["grey"][0], options={"palette": True, "bits": 2}).data
    assert bits_of(made) == (2, 3)


def test_options_that_are_given_count() -> None:
    source = SOURCES["grey"][0]
    asked: list[Json] = [{}, {"options": {"compression": 2}}, {"options": {"filter": "sub"}}]
    batch = [job(**each) for each in asked]
    saves = [each.save for each in explain(Source.from_bytes(source), batch).jobs]
    assert "compression 6" in saves[0]
    assert "filter all" in saves[0]
    assert "compression" not in saves[1]
    assert "filter" not in saves[2]
    assert len(make(source, options={"compression": 0}).data) > len(GREY.ravel())


def test_plans_show_what_is_kept() -> None:
    told = str(explain(Source.from_bytes(SOURCES["opacity"][0]), [job()]))
    assert "png 33×25 RGBA, 8 bit, palette of 201" in told
    assert "palette of 8 bits as in the source" in told
    told = str(explain(Source.from_bytes(SOURCES["grey of 1 bit"][0]), [job()]))
    assert "png 33×25 grey, 1 bit" in told
    assert "grey of 1 bit as in the source" in told


@given(
    st.sampled_from(["grey of 1 bit", "opacity", "gif with a hole", "grey and opacity"]),
    st.lists(st.sampled_from([*MOVED, {"type": "rotate", "degrees": 270}]), max_size=4),
)
def test_optimised_plans_give_the_same_bytes(name: str, steps: list[Json]) -> None:
    source = Source.from_bytes(SOURCES[name][0])
    expanded = expand(job(*steps), read_facts(source))
    optimised = optimise(expanded, Mode.EXACT)
    assert optimised.save == expanded.save
    rendering = Rendering(source, {}, EngineLimits(), Stats())
    assert rendering.execute(expanded).data == rendering.execute(optimised).data


def test_a_profile_is_applied_to_the_palette() -> None:
    profile = icc.of_code_points(12, 13, grey=False)
    plain = drawn(16)
    made = make(drawn(16, icc_profile=profile)).data
    assert bits_of(made) == (4, 3)
    rgb = encoded(decoded(plain), icc_profile=profile)
    assert np.array_equal(shown(made), shown(make(rgb).data))
    assert not np.array_equal(shown(made), shown(plain))


def test_levels_of_few_bits_are_a_palette_to_a_profile() -> None:
    profile = icc.of_code_points(1, 8, grey=True) or b""
    packed = SOURCES["grey of 1 bit"][0]
    chunk = _chunk(b"iCCP", b"x\0\0" + zlib.compress(profile, 0))  # libpng minds short ones
    facts = read_facts(Source.from_bytes(packed[:33] + chunk + packed[33:]))
    assert (facts.bits, facts.palette) == (1, 2)
    made = make(packed[:33] + chunk + packed[33:]).data
    assert bits_of(made) == (1, 3)
    assert np.array_equal(shown(made), shown(packed)), "black and white are no others"


@pytest.mark.parametrize("bands", [3, 4])
def test_every_colour_has_its_place(bands: int) -> None:
    pixels = noise(16, 16, bands)
    pixels[..., 0] //= 64
    rows = pixels.reshape(-1, bands)
    palette = Palette([bytes(row) for row in rows])
    found = np.ndarray((16, 16), np.uint8, bytes(palette.places(_image(pixels)).write_to_memory()))
    assert np.array_equal(np.array([list(each) for each in palette.colours])[found], pixels)


def _image(pixels: Pixels) -> Any:
    height, width, bands = pixels.shape
    return pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, "uchar")


def test_more_colours_than_a_palette_holds_are_rgb() -> None:
    """A GIF of 256 colours that leaves some of its canvas open has one more."""
    data = bytearray(drawn(256, "GIF"))
    data[6:8] = (40).to_bytes(2, "little")
    made = make(bytes(data)).data
    assert bits_of(made) == (8, 6)
    assert (decoded(made)[:, 33:, 3] == 0).all()


def test_a_place_beyond_the_palette_is_black() -> None:
    data = drawn(16)
    at = data.index(b"PLTE")
    short = data[: at - 4] + _chunk(b"PLTE", data[at + 4 : at + 4 + 30]) + data[at + 4 + 48 + 4 :]
    facts = read_facts(Source.from_bytes(short))
    assert (facts.bits, facts.palette) == (4, 11)
    made, plain = make(short).data, decoded(data)
    beyond = ~(plain[..., None, :] == plain[0, :10][None, None]).all(-1).any(-1)
    assert beyond.any()
    assert (decoded(made)[beyond] == 0).all()


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def test_jobs_of_a_batch_share_what_they_read() -> None:
    told = explain(Source.from_bytes(encoded(smooth(90, 60, 1))), [job(), job(destination="o.jpg")])
    assert told.cost.decode_passes == 1
