"""The idiom in memory beside libvips: as near as it is declared, and never in exact mode."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import Source, read_facts
from engine.cost.idioms import COARSE, ENLARGED, LEAST_SIDE, SHRUNK, is_encoded_from_raster
from engine.geometry import Box
from engine.ir import Canvas, Crop, Frame, Node, Resample, Save
from engine.lower import LoweringContext, run
from engine.raster import GAUGE, Raster
from engine.schema import Format, JpegOptions
from engine.schema.scalars import Flag
from engine.vips import as_image, as_raster
from tests.engine.images import (
    PHOTOS,
    Json,
    Pixels,
    distance,
    encoded,
    make,
    noise,
    pixels_in,
    pixels_of,
    raster_of,
)

CAT = np.asarray(Image.open(PHOTOS / "chelsea.png").convert("RGB"))
ASTRONAUT = np.asarray(Image.open(PHOTOS / "astronaut.png").convert("RGB"))
SOURCE = Source.from_bytes(encoded(noise(9, 9)))
FACTS = read_facts(SOURCE)


def edges(width: int, height: int, bands: int) -> Pixels:
    """Squares of black and white, whose sides have no common measure."""
    y, x = np.mgrid[:height, :width]
    return np.repeat((((x // 7 + y // 5) % 2) * 255).astype(np.uint8)[..., None], bands, 2)


def gradient(width: int, height: int, bands: int) -> Pixels:
    y, x = np.mgrid[:height, :width]
    ways = [x / max(1, width - 1), y / max(1, height - 1), (x + y) / max(1, width + height - 2)]
    return np.stack([(255 * way).astype(np.uint8) for way in (ways * 2)[:bands]], 2)


def photograph(width: int, height: int, bands: int) -> Pixels:
    photo = ASTRONAUT[100 : 100 + height, 60 : 60 + width]
    alpha = gradient(photo.shape[1], photo.shape[0], 1)
    return {1: photo[..., :1], 3: photo, 4: np.dstack([photo, alpha])}[bands]


def premultiplied(pixels: Pixels) -> Pixels:
    if pixels.shape[2] != 4:
        return pixels
    colours = pixels[..., :3].astype(float) * pixels[..., 3:] / 255
    return np.dstack([(colours + 0.5).astype(np.uint8), pixels[..., 3]])


KINDS = {"noise": noise, "edges": edges, "gradient": gradient, "photograph": photograph}
IMAGES = st.builds(
    lambda kind, width, height, bands: premultiplied(KINDS[kind](width, height, bands)),
    st.sampled_from(sorted(KINDS)),
    st.integers(20, 300),
    st.integers(20, 300),
    st.sampled_from([1, 3, 4]),
)


def both_ways(node: Node, image: Pixels) -> tuple[Pixels, Pixels]:
    """Do a node with libvips and in memory."""
    height, width, bands = image.shape
    frame = Frame(width, height, 3 if bands > 1 else 1, alpha=bands == 4, premultiplied=bands == 4)
    made = [
        run([node], FACTS, LoweringContext(SOURCE, exact=exact), given_pixels, frame)
        for exact, given_pixels in ((True, as_image(raster_of(image))), (False, raster_of(image)))
    ]
    assert [isinstance(each, Raster) for each in made] == [False, True]
    return pixels_in(as_raster(made[0])), pixels_in(made[1])


def apart(one: Pixels, other: Pixels) -> tuple[float, float]:
    """Give the greatest difference and the PSNR of values as they are."""
    return distance(one[..., :3], other[..., :3])


@given(image=IMAGES, across=st.floats(0.05, 1), down=st.floats(0.05, 1))
def test_scaling_down_is_as_near_as_declared(image: Pixels, across: float, down: float) -> None:
    sides = round(image.shape[1] * across), round(image.shape[0] * down)
    width, height = (max(LEAST_SIDE, side) for side in sides)
    if (width, height) == image.shape[1::-1]:
        return
    levels, psnr = apart(*both_ways(Resample(width, height), image))
    assert levels <= SHRUNK.levels
    assert psnr >= SHRUNK.psnr


@given(image=IMAGES, across=st.floats(1, 4), down=st.floats(1, 4))
def test_scaling_up_is_as_near_as_declared(image: Pixels, across: float, down: float) -> None:
    width, height = round(image.shape[1] * across), round(image.shape[0] * down)
    if (width, height) == image.shape[1::-1]:
        return
    levels, psnr = apart(*both_ways(Resample(width, height), image))
    assert levels <= ENLARGED.levels
    assert psnr >= ENLARGED.psnr


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("size", [(400, 300), (150, 100), (97, 211), (33, 16), (500, 340)])
def test_photographs_are_the_same_to_the_eye(size: tuple[int, int], bands: int) -> None:
    levels, psnr = apart(*both_ways(Resample(*size), premultiplied(photograph(450, 300, bands))))
    assert levels <= 14
    assert psnr >= 44


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("node", [Crop(Box(3, 2, 20, 11)), Canvas(60, 50, 7, 9, (10, 20, 30, 255))])
def test_what_moves_pixels_is_exact(node: Node, bands: int) -> None:
    one, other = both_ways(node, premultiplied(noise(40, 30, bands)))
    assert np.array_equal(one, other)


def test_a_crop_that_follows_a_scaling_is_done_with_it() -> None:
    scaling, crop = Resample(90, 70), Crop(Box(11, 0, 60, 70))
    image, frame = photograph(300, 200, 3), Frame(300, 200)
    context = LoweringContext(SOURCE, exact=False)
    GAUGE.most = before = GAUGE.now
    made = run([scaling, crop], FACTS, context, raster_of(image), frame)
    assert GAUGE.most - before == 4 * (300 * 200 + 60 * 70)
    whole = run([scaling], FACTS, context, raster_of(image), frame)
    apart_from_it = run([crop], FACTS, context, whole, scaling.frame(frame))
    assert distance(pixels_in(made), pixels_in(apart_from_it))[0] <= 1


LAYERS: list[Json] = [
    {"type": "watermark", "source": "mark", "gravity": "southeast", "xoffset": -4},
    {"type": "watermark", "source": "mark", "width": 300, "gravity": "north"},
    {"type": "annotation", "text": "Ab", "size": 20, "color": "#ff8800cc"},
]


@pytest.mark.parametrize("step", LAYERS)
@pytest.mark.parametrize("bands", [3, 4])
def test_layers_are_blended_as_libvips_blends_them(step: Json, bands: int) -> None:
    crop = {"type": "crop", "width": 60, "height": 50, "fit": False}
    scaling = {"type": "resize", "width": 80, "height": 70}
    inputs = {"mark": encoded(noise(20, 16, 4, seed=2))}
    image = encoded(photograph(160, 140, bands))
    for steps in ([scaling, crop, step], [scaling, step, crop]):
        ways = [
            pixels_of(image, *steps, inputs=inputs, mode=mode) for mode in ("balanced", "exact")
        ]
        levels, _ = distance(*ways)
        assert levels <= SHRUNK.levels


def test_exact_jobs_are_libvips_alone() -> None:
    data = encoded(CAT, "JPEG", quality=85)
    sizes: list[Json] = [{"type": "resize", "width": width} for width in (400, 200)]
    GAUGE.most = GAUGE.now
    for size in sizes:
        make(data, size, destination="a.jpg", mode="exact")
    assert GAUGE.most == GAUGE.now
    make(data, sizes[0], destination="a.jpg")
    assert GAUGE.most >= GAUGE.now + CAT.size


@pytest.mark.parametrize(
    ("options", "quality", "turbo"),
    [
        ({}, 75, True),
        ({"subsampling": "4:4:4"}, 75, True),
        ({}, 89, True),
        ({}, 92, False),
        ({}, 96, True),
        ({"progressive": True}, 75, False),
        ({"optimize": True}, 75, False),
        ({"trellis": True}, 75, False),
    ],
)
def test_which_results_are_written_by_libjpeg_turbo(
    options: Json, quality: int, turbo: bool
) -> None:
    chosen: dict[str, Any] = {
        name: Flag(True) if value is True else value for name, value in options.items()
    }
    save = Save(Format.JPEG, quality, JpegOptions(**chosen))
    assert is_encoded_from_raster(save, Frame(400, 300), in_memory=True) is turbo
    assert quality not in COARSE or not turbo


@pytest.mark.parametrize("mode", ["balanced", "exact"])
@pytest.mark.parametrize(
    ("quality", "subsampling", "factors"),
    [(75, "auto", (2, 2)), (97, "auto", (1, 1)), (75, "4:4:4", (1, 1)), (97, "4:2:0", (2, 2))],
)
def test_colours_are_stored_alike(
    quality: int, subsampling: str, factors: tuple[int, int], mode: str
) -> None:
    options: dict[str, Any] = {"quality": quality, "options": {"subsampling": subsampling}}
    size = {"type": "resize", "width": 90}
    data = make(encoded(CAT, "JPEG"), size, destination="a.jpg", mode=mode, **options).data
    at = data.index(b"\xff\xc0") + 11  # sampling factors of the first component
    assert divmod(data[at], 16) == factors
