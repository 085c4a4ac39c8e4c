"""What the samples of a TIFF mean: Lab, YCbCr, inks, light, opacity."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from engine import Source, read_facts
from tests.engine.images import Pixels, decoded, make, noise, smooth
from tests.engine.tiff_files import RATIONAL, SHORT, Samples, Tiff, raw

GREY, RGB, CMYK, YCBCR, CIE_LAB, ICC_LAB = 1, 2, 5, 6, 8, 9
WAYS: list[dict[str, Any]] = [{}, {"planar": True}, {"tile": (16, 16)}]


def opened(tiff: Tiff) -> Pixels:
    return decoded(make(bytes(tiff)).data)


def apart(made: Samples, expected: Samples) -> float:
    assert made.shape == expected.shape
    return float(np.abs(made.astype(float) - expected.astype(float)).max())


def companded(light: Samples) -> Samples:
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


TO_SRGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)


FROM_D50 = np.array(  # Bradford's
    [[0.9555766, -0.0230393, 0.0631636], [-0.0282895, 1.0099416, 0.0210077],
     [0.0122982, -0.0204830, 1.3299098]]
)  # fmt: skip


def srgb_of_lab(lab: Samples) -> Samples:
    """Convert as IEC 61966-2-1 and CIE 15 have it; the white is D50's, as in ICC profiles."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    return companded(xyz * [0.96422, 1, 0.82521] @ FROM_D50.T @ TO_SRGB.T)


LAB = np.stack(
    [np.linspace(20, 90, 24) + np.zeros((16, 1)), *np.mgrid[-30:40:24j, -20:35:16j].swapaxes(1, 2)],
    -1,
)
SCALED = {
    bits: np.rint(LAB * [(2**bits - 1) / 100, 2**bits / 256, 2**bits / 256]) for bits in (8, 16)
}
LABS: dict[str, tuple[Samples, int, int, int]] = {
    "8 bits": (SCALED[8].astype(np.int32).astype(np.uint8), 8, CIE_LAB, 1),
    "16 bits": (SCALED[16].astype(np.int32).astype(np.uint16), 16, CIE_LAB, 1),
    "floats": (raw(LAB.astype(np.float32)), 32, CIE_LAB, 3),
    "icc, 8 bits": ((SCALED[8] + [0, 128, 128]).astype(np.uint8), 8, ICC_LAB, 1),
    "icc, 16 bits": (
        np.rint(LAB * [652.8, 256, 256] + [0, 32768, 32768]).astype(np.uint16), 16, ICC_LAB, 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("name", LABS)
def test_lab(name: str, options: dict[str, Any]) -> None:
    samples, bits, photometric, numbers = LABS[name]
    expected = srgb_of_lab(LAB)
    tiff = Tiff(samples, bits, photometric, numbers, **options)
    tolerance = 3 if bits == 8 else 1
    assert apart(opened(tiff), expected) <= tolerance
    alpha = np.full((16, 24, 1), 2**bits - 1 if numbers == 1 else raw(np.ones(1, np.float32))[0])
    alpha[0] = 0
    veiled = opened(tiff.but(samples=np.dstack([samples, alpha]), extras=[2]))
    assert apart(veiled[..., :3], expected) <= tolerance
    assert veiled[..., 3].min(1).tolist() == [0, *[255] * 15]
    unspecified = opened(tiff.but(samples=np.dstack([samples, alpha]), extras=[0]))
    assert apart(unspecified, expected) <= tolerance


def test_lab_is_what_lcms_makes_of_it() -> None:
    data = bytes(Tiff(LABS["8 bits"][0], photometric=CIE_LAB))
    theirs = Image.open(io.BytesIO(data))
    assert theirs.mode == "LAB"
    made = decoded(make(data).data)
    difference = np.abs(made - np.asarray(theirs.convert("RGB")).astype(float))
    assert difference.mean() < 1
    assert (difference > 2).mean() < 0.05, "what sRGB cannot show"


def ycbcr_of(pixels: Pixels, across: int, down: int) -> tuple[Samples, Samples, Pixels]:
    """Give lightness, colours at fewer places, and what they are together by Rec. 601."""
    height, width, _ = pixels.shape
    light = pixels @ np.array([0.299, 0.587, 0.114])
    colours = (pixels[..., [2, 0]] - light[..., None]) / [1.772, 1.402] + 128
    blocks = colours.reshape(height // down, down, width // across, across, 2).mean((1, 3))
    light, blocks = np.rint(light), np.rint(blocks)
    whole = blocks.repeat(down, 0).repeat(across, 1) - 128
    red, blue = light + 1.402 * whole[..., 1], light + 1.772 * whole[..., 0]
    green = (light - 0.299 * red - 0.114 * blue) / 0.587
    expected = np.clip(np.rint(np.stack([red, green, blue], -1)), 0, 255).astype(np.uint8)
    return light.astype(np.uint8), blocks.astype(np.uint8), expected


@pytest.mark.parametrize("options", WAYS)
def test_ycbcr_with_all_its_colours(options: dict[str, Any]) -> None:
    light, colours, expected = ycbcr_of(smooth(24, 16), 1, 1)
    tiff = Tiff(np.dstack([light, colours]), photometric=YCBCR, fields=[(530, SHORT, [1, 1])])
    assert apart(opened(tiff.but(**options)), expected) <= 1
    video = np.rint(light * (219 / 255) + 16), np.rint((colours - 128.0) * (112 / 127) + 128)
    ranges = [(532, RATIONAL, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1])]
    narrow = tiff.but(samples=np.dstack(video).astype(np.uint8), fields=[*tiff.fields, *ranges])
    assert apart(opened(narrow.but(**options)), expected) <= 3


@pytest.mark.parametrize(("across", "down"), [(2, 2), (2, 1), (1, 2), (4, 1), (4, 2), (4, 4)])
def test_ycbcr_with_fewer_colours(across: int, down: int) -> None:
    """Each block of lightness is followed by its two colours; the last ones go beyond the edge."""
    light, colours, expected = ycbcr_of(smooth(24, 16), across, down)
    blocks = light.reshape(16 // down, down, 24 // across, across).swapaxes(1, 2)
    data = np.dstack([blocks.reshape(16 // down, 24 // across, -1), colours]).tobytes()
    fields = [(530, SHORT, [across, down])]
    for width, height in ((24, 16), (23 if across > 1 else 24, 15)):
        tiff = Tiff(np.empty((height, width, 3)), photometric=YCBCR, rows=16, chunks=[data])
        made = opened(tiff.but(fields=fields))
        assert apart(made, expected[:height, :width]) <= 1


def test_inks() -> None:
    inks = noise(24, 16, 4)
    expected = opened(Tiff(inks, photometric=CMYK))
    floats = Tiff(raw(inks / np.float32(255)), 32, CMYK, 3)
    deep = Tiff(inks.astype(np.uint16) * 257, 16, CMYK)
    for tiff in (floats, deep, floats.but(planar=True), deep.but(planar=True)):
        assert apart(opened(tiff), expected) <= 1
    assert make(bytes(floats), {"type": "filter", "filter": "sepia"}).width == 24


def test_inks_keep_their_opacity_in_16_bits() -> None:
    veiled = noise(24, 16, 5)
    shallow = Tiff(veiled, photometric=CMYK, extras=[2])
    deep = Tiff(veiled.astype(np.uint16) * 257, 16, CMYK, extras=[2])
    assert np.array_equal(opened(shallow)[..., 3], veiled[..., 4])
    assert apart(opened(deep), opened(shallow)) <= 1


def run_lengths(row: Samples) -> bytes:
    """Write each byte of the numbers of a row by itself, upper ones first, as they are."""
    parts = [
        bytes(each)
        for each in row.astype(f">u{row.itemsize}").view(np.uint8).reshape(-1, row.itemsize).T
    ]
    return b"".join(bytes([len(part)]) + part for part in parts)


def test_logarithms_of_light() -> None:
    """As Ward's LogLuv has it: 1.0 is white, and white is equal energy."""
    powers = np.linspace(-8, 0, 24) * 256 + 64 * 256 + np.zeros((16, 1))
    light = np.exp2((np.floor(powers) + 0.5) / 256 - 64)
    rows = np.floor(powers).astype(np.uint16)
    chunk = b"".join(map(run_lengths, rows))
    grey = Tiff(rows[..., None], 16, 32844, 2, compression=34676, rows=16, chunks=[chunk])
    assert apart(opened(grey), companded(light)[..., None].repeat(3, 2)) <= 1
    u, v = np.mgrid[80:95:16j, 185:200:24j].round()
    words = (rows.astype(np.uint32) << 16) | (u.astype(np.uint32) << 8) | v.astype(np.uint32)
    chunk = b"".join(map(run_lengths, words))
    colour = Tiff(np.empty((16, 24, 3)), 16, 32845, 2, compression=34676, rows=16, chunks=[chunk])
    u, v = (u + 0.5) / 410, (v + 0.5) / 410
    scale = 1 / (6 * u - 16 * v + 12)
    x, y = 9 * u * scale, 4 * v * scale
    xyz = np.stack([x / y, np.ones_like(x), (1 - x - y) / y], -1) * light[..., None]
    assert apart(opened(colour), companded(xyz * [0.95047, 1, 1.08883] @ TO_SRGB.T)) <= 1


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.float32])
def test_premultiplied_colours_are_divided(kind: type[Any], planar: bool) -> None:
    most = 1.0 if kind is np.float32 else np.iinfo(kind).max
    straight = smooth(24, 16, 4) / 255.0
    straight[..., 3] = np.maximum(straight[..., 3], 0.25)
    veiled = straight * [1, 1, 1, 1]
    veiled[..., :3] *= straight[..., 3:]
    scaled = veiled * most if kind is np.float32 else np.rint(veiled * most)
    numbers = 3 if kind is np.float32 else 1
    tiff = Tiff(
        raw(scaled.astype(kind)), 8 * np.dtype(kind).itemsize, numbers=numbers, planar=planar
    )
    made = opened(tiff.but(extras=[1]))
    light = companded(straight[..., :3]) if kind is np.float32 else 255 * straight[..., :3]
    assert apart(made[..., :3], light) <= (3 if kind is np.uint8 else 1)
    assert apart(made[..., 3], 255 * straight[..., 3]) <= 1


EXTRAS: dict[str, tuple[int, list[int] | None, int | None]] = {
    "unspecified": (4, [0], None),
    "opacity": (4, [2], 3),
    "not told": (4, None, 3),
    "unspecified, opacity": (5, [0, 2], 4),
    "opacity, unspecified": (5, [2, 0], 3),
    "two not told": (5, None, None),
    "fewer told than there are": (5, [2], 4),
}


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("name", EXTRAS)
def test_only_what_is_called_opacity_is_opacity(name: str, planar: bool) -> None:
    count, extras, alpha = EXTRAS[name]
    samples = noise(24, 16, count)
    made = opened(Tiff(samples, extras=extras, planar=planar))
    wanted = [0, 1, 2] if alpha is None else [0, 1, 2, alpha]
    assert np.array_equal(made, samples[..., wanted])
    grey = noise(24, 16, count - 2)
    made = opened(Tiff(grey, photometric=GREY, extras=extras, planar=planar))
    wanted = [0, 0, 0] if alpha is None else [0, 0, 0, alpha - 2]
    assert np.array_equal(made, grey[..., wanted])


TURNS: list[list[Callable[[Any], Any]]] = [
    [], [np.fliplr], [np.fliplr, np.flipud], [np.flipud], [np.transpose],
    [np.rot90, np.rot90, np.rot90], [np.rot90, np.rot90, np.transpose], [np.rot90],
]  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int) -> None:
    samples = noise(9, 5, 1)
    data = bytes(Tiff(samples, photometric=GREY, fields=[(274, SHORT, [orientation])]))
    assert read_facts(Source.from_bytes(data)).orientation == orientation
    expected = samples[..., 0]
    for turn in TURNS[orientation - 1]:
        expected = turn(expected)
    assert np.array_equal(decoded(make(data).data)[..., 0], expected)


def test_of_several_pages_the_first_counts() -> None:
    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=True) as file:
        for seed in range(3):
            file.write(noise(9, 5, seed=seed), photometric="rgb", subifds=seed == 0)
    data = out.getvalue()
    assert read_facts(Source.from_bytes(data)).frames == 1
    assert np.array_equal(decoded(make(data).data), noise(9, 5))
