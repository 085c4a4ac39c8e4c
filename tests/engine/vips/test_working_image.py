"""Every kind of upload comes out as 8-bit upright sRGB."""

import io
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from engine import Source, read_facts
from tests.engine.images import Pixels, decoded, encoded, make, noise, smooth
from tests.engine.uploads import (
    cmyk,
    grey_profile,
    png_chunks,
    strange_inks,
    with_orientation,
    written,
    ycck,
)

UPRIGHT = smooth(24, 10)
TO_UPRIGHT = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1), 6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2), 8: lambda a: np.rot90(a, 1),
}  # fmt: skip


LOSSLESS = {"WEBP": {"lossless": True}}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_comes_first_and_is_dropped(kind: str, orientation: int) -> None:
    pixels = noise(12, 7)
    source = with_orientation(kind, pixels, orientation, **LOSSLESS.get(kind, {}))
    output = make(source)
    expected = TO_UPRIGHT[orientation](decoded(source) if kind == "JPEG" else pixels)
    assert np.array_equal(decoded(output.data), expected)
    assert Image.open(io.BytesIO(output.data)).getexif().get(0x0112) is None
    assert read_facts(Source.from_bytes(source)).orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_by_its_own_box(orientation: int) -> None:
    """HEIF has boxes for turns; its EXIF orientation means nothing."""
    source = with_orientation("AVIF", smooth(24, 10), orientation, quality=100, subsampling="4:4:4")
    expected = TO_UPRIGHT[orientation](smooth(24, 10)).astype(int)
    made = decoded(make(source).data)
    assert made.shape == expected.shape
    assert np.abs(made - expected).max() <= 8


def test_grey_becomes_three_equal_bands() -> None:
    grey = noise(9, 5, 1)
    assert np.array_equal(decoded(make(encoded(grey)).data), np.repeat(grey, 3, 2))


def test_grey_with_alpha_becomes_rgba() -> None:
    pixels = noise(9, 5, 2)
    made = decoded(make(encoded(pixels)).data)
    assert np.array_equal(made, pixels[..., [0, 0, 0, 1]])


def test_sixteen_bits_lose_the_lower_eight() -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (5, 9)).astype(np.uint16)
    out = io.BytesIO()
    Image.fromarray(deep).save(out, "PNG")
    assert read_facts(Source.from_bytes(out.getvalue())).depth == 16
    assert np.array_equal(
        decoded(make(out.getvalue()).data), np.repeat((deep >> 8)[..., None], 3, 2)
    )


def test_sixteen_bit_rgba() -> None:
    deep = np.random.default_rng(2).integers(0, 65536, (5, 9, 4)).astype(np.uint16)
    made = decoded(make(png_chunks(9, 5, 16, 6, deep.astype(">u2").tobytes())).data)
    assert np.array_equal(made, deep >> 8)


def test_palette_with_transparency() -> None:
    image = Image.new("P", (8, 8))
    image.putdata((noise(8, 8, 1) % 3).ravel().tolist())
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    out = io.BytesIO()
    image.save(out, "PNG", transparency=bytes([0, 128, 255]))
    expected = np.asarray(Image.open(io.BytesIO(out.getvalue())).convert("RGBA"))
    assert np.array_equal(decoded(make(out.getvalue()).data), expected)


def test_cmyk_without_a_profile() -> None:
    inks = np.zeros((32, 32, 4), np.uint8)
    inks[:16, :16, 1] = inks[:16, :16, 2] = 255  # magenta and yellow are red
    inks[16:, 16:, 3] = 255  # black
    made = decoded(make(cmyk(inks)).data)
    red, white, black = made[4, 4].astype(int), made[4, 28].astype(int), made[28, 28].astype(int)
    assert made.shape == (32, 32, 3)
    assert red[0] > 200
    assert max(red[1:]) < 100
    assert white.min() > 250
    assert black.max() < 60


@pytest.mark.parametrize("icc_profile", [b"", strange_inks()], ids=["without", "with a profile"])
def test_ycck_is_cmyk_in_other_words(icc_profile: bytes) -> None:
    inks = smooth(24, 16, 4)
    plain, other = (
        decoded(make(write(inks, **_unless_empty(icc_profile))).data).astype(int)
        for write in (cmyk, ycck)
    )
    assert np.abs(plain - other).max() <= 6
    assert np.ptp(plain) > 100


def _unless_empty(icc_profile: bytes) -> dict[str, bytes]:
    return {"icc_profile": icc_profile} if icc_profile else {}


def by_lcms(image: Image.Image, icc_profile: bytes) -> Pixels:
    """Convert to sRGB with the same library, called by Pillow."""
    embedded = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
    made = ImageCms.profileToProfile(
        image, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    return np.asarray(made)


def test_cmyk_goes_through_its_own_profile() -> None:
    inks = noise(24, 16, 4)
    source = cmyk(inks, icc_profile=strange_inks())
    made, plain = (decoded(make(data).data).astype(int) for data in (source, cmyk(inks)))
    expected = by_lcms(Image.open(io.BytesIO(source)), strange_inks())
    assert np.abs(made - expected).max() <= 2
    assert np.abs(made - plain).mean() > 30


def test_grey_goes_through_its_own_profile() -> None:
    grey = smooth(24, 10, 1)
    source = encoded(grey, icc_profile=grey_profile(1.4))
    made = decoded(make(source).data).astype(int)
    expected = by_lcms(Image.fromarray(grey[..., 0]), grey_profile(1.4))
    assert np.abs(made - expected).max() <= 1
    assert np.abs(made - grey).max() > 30
    with_alpha = np.dstack([grey, noise(24, 10, 1)])
    both = decoded(make(encoded(with_alpha, icc_profile=grey_profile(1.4))).data)
    assert np.array_equal(both[..., :3], made)
    assert np.array_equal(both[..., 3], with_alpha[..., 1])


def test_a_profile_of_another_space_is_ignored() -> None:
    """A grey image that says it is P3, a CMYK one that says it is grey."""
    grey, inks = noise(9, 5, 1), noise(24, 16, 4)
    made = decoded(make(encoded(grey, icc_profile=display_p3())).data)
    assert np.array_equal(made, np.repeat(grey, 3, 2))
    odd, plain = (
        decoded(make(cmyk(inks, **options)).data).astype(int)
        for options in ({"icc_profile": grey_profile(1.4)}, {})
    )
    assert np.abs(odd - plain).max() <= 1


def test_floats_are_linear_light_and_1_is_white() -> None:
    pixels = smooth(24, 10, 4)
    light = pixels / np.float32(255)
    light[..., :3] = np.where(
        light[..., :3] <= 0.04045, light[..., :3] / 12.92, ((light[..., :3] + 0.055) / 1.055) ** 2.4
    )
    made = decoded(make(written(light.astype(np.float32), ".tif", "scrgb")).data)
    assert np.abs(made.astype(int) - pixels).max() <= 1
    grey = decoded(make(written(light[..., :1].astype(np.float32), ".tif", "b-w")).data)
    assert np.abs(grey.astype(int) - pixels[..., :1]).max() <= 1
    wild = np.full((4, 3, 3), [[np.nan], [np.inf], [-np.inf]], np.float32)
    black, white = [0, 0, 0], [255, 255, 255]
    made = decoded(make(written(wild, ".tif", "scrgb")).data)
    assert np.array_equal(made[0], [black, white, black])


@pytest.mark.parametrize(
    ("space", "bands", "depth"),
    [("rgb16", 3, 16), ("rgb16", 4, 16), ("grey16", 1, 16), ("grey16", 2, 16), ("srgb", 3, 32)],
)
def test_deep_tiffs(space: str, bands: int, depth: int) -> None:
    kind = {16: np.uint16, 32: np.uint32}[depth]
    deep = np.random.default_rng(4).integers(0, 2**depth, (5, 9, bands)).astype(kind)
    source = written(deep, ".tif", space)
    assert read_facts(Source.from_bytes(source)).depth == depth
    made, upper = decoded(make(source).data), (deep >> (depth - 8)).astype(np.uint8)
    expected = upper if bands > 2 else upper[..., [0, 0, 0, *range(1, bands)]]
    assert np.array_equal(made, expected)


def test_avif_of_10_bits() -> None:
    deep = np.random.default_rng(5).integers(0, 65536, (8, 8, 3)).astype(np.uint16)
    source = written(deep, ".avif", "rgb16", bitdepth=10, lossless=True)
    assert read_facts(Source.from_bytes(source)).depth == 16
    assert np.array_equal(decoded(make(source).data), deep >> 8)


def test_bands_beyond_alpha_are_dropped() -> None:
    six = noise(9, 5, 6)
    assert np.array_equal(decoded(make(written(six, ".tif", "srgb")).data), six[..., :4])
    inks = np.dstack([noise(9, 5, 4), noise(9, 5, 1, seed=1)])
    made = decoded(make(written(inks, ".tif", "cmyk")).data)
    assert made.shape == (5, 9, 4)
    assert np.array_equal(made[..., 3], inks[..., 4])


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits(bits: int) -> None:
    steps = (noise(16, 5, 1) >> (8 - bits)).astype(np.uint8)
    expected = np.repeat(steps * (255 // (2**bits - 1)), 3, 2)
    packed = np.packbits(
        np.unpackbits(steps, axis=2)[..., 8 - bits :].reshape(5, -1), axis=1
    ).tobytes()
    assert np.array_equal(decoded(make(png_chunks(16, 5, bits, 0, packed)).data), expected)
    tiff = written((expected[..., :1]).astype(np.uint8), ".tif", "b-w", bitdepth=bits)
    assert np.array_equal(decoded(make(tiff).data), expected)


def test_tiff_with_multiplied_alpha_is_divided_again() -> None:
    pixels = smooth(24, 10, 4)
    pixels[..., 3] = np.maximum(pixels[..., 3], 128)
    made = decoded(make(written(pixels, ".tif", "srgb", premultiply=True)).data)
    assert np.abs(made.astype(int) - pixels).max() <= 2


def display_p3() -> bytes:
    return bytes(pyvips.Operation.call("profile_load", "p3"))


def test_display_p3_is_converted() -> None:
    """A saturated P3 red lies outside sRGB, a grey stays where it is."""
    profile = display_p3()
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = (200, 120, 80)
    pixels[:, 8:] = (128, 128, 128)
    source = encoded(pixels, icc_profile=profile)
    made = decoded(make(source).data)
    expected = by_lcms(Image.fromarray(pixels), profile)
    assert np.abs(made.astype(int) - expected).max() <= 1
    assert np.abs(expected.astype(int) - pixels).max() >= 5
    assert "icc_profile" not in Image.open(io.BytesIO(make(source, destination="o.jpg").data)).info


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_display_p3_in_every_format_that_carries_profiles(
    kind: str, options: dict[str, Any]
) -> None:
    source = encoded(smooth(24, 16), kind, icc_profile=display_p3(), **options)
    stored = Image.open(io.BytesIO(source)).convert("RGB")
    expected = by_lcms(stored, display_p3()).astype(int)
    made = decoded(make(source).data)
    assert np.abs(made - expected).max() <= (5 if kind == "AVIF" else 2)
    assert np.abs(made.astype(int) - np.asarray(stored)).mean() > 3


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_one_colour_of_a_png_may_be_clear(mode: str) -> None:
    pixels = (noise(16, 12, 3) // 200 * 200).astype(np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    clear = image.getpixel((0, 0))
    out = io.BytesIO()
    image.save(out, "PNG", transparency=clear)
    expected = np.asarray(Image.open(io.BytesIO(out.getvalue())).convert("RGBA"))
    assert 0 < (expected[..., 3] == 0).mean() < 1
    assert np.array_equal(decoded(make(out.getvalue()).data), expected)


@pytest.mark.parametrize("options", [{"big_endian": True}, {"miniswhite": True}])
def test_tiffs_of_other_ways(options: dict[str, bool]) -> None:
    grey = noise(16, 12, 1)
    if "miniswhite" in options:
        source = written(grey, ".tif", "b-w", miniswhite=True)
    else:
        deep = (noise(16, 12, 1)[..., 0].astype(np.uint16) << 8).astype(">u2")
        out = io.BytesIO()
        Image.frombytes("I;16B", (16, 12), deep.tobytes()).save(out, "TIFF")
        source, grey = out.getvalue(), (deep >> 8).astype(np.uint8)[..., None]
        assert source[:2] == b"MM"
    assert np.array_equal(decoded(make(source).data), np.repeat(grey, 3, 2))


def test_sixteen_bits_go_through_their_profile_as_their_upper_eight_do() -> None:
    deep = np.random.default_rng(3).integers(0, 65536, (5, 9, 4)).astype(np.uint16)
    image = pyvips.Image.new_from_memory(deep.tobytes(), 9, 5, 4, "ushort")
    image = image.copy(interpretation="rgb16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    made = decoded(make(image.pngsave_buffer()).data)
    eight = (image >> 8).cast("uchar").copy(interpretation="srgb")
    converted = eight.icc_transform("srgb", embedded=True, depth=8).numpy()
    assert np.array_equal(made[..., :3], converted[..., :3])
    assert np.array_equal(made[..., 3], deep[..., 3] >> 8)


def test_a_broken_profile_is_ignored() -> None:
    pixels = noise(9, 5)
    source = encoded(pixels, icc_profile=b"this is no profile" * 20)
    assert np.array_equal(decoded(make(source).data), pixels)


def test_alpha_is_flattened_on_white_for_jpeg() -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    made = decoded(make(encoded(clear), destination="out.jpg", quality=90).data)
    assert made.shape == (16, 16, 3)
    assert made.min() >= 254
