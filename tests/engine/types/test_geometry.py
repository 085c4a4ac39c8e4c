"""enlarge, focus, smart crops, trim, pad, fills and backgrounds against independent models."""

import numpy as np
import pytest
import pyvips
from PIL import Image

from engine.errors import InvalidRequest, OutputTooLarge
from tests.engine.images import DATA, Json, decoded, encoded, job, make, noise, pixels_of
from tests.engine.types import models
from tests.engine.uploads import animation

SOURCES = models.sources()
each_source = pytest.mark.parametrize("name", SOURCES)
W, H = 41, 30
LEVEL = 1  # that libvips and Pillow differ by where they composite


def sized(step: Json, width: int = W, height: int = H) -> tuple[int, int]:
    made = make(encoded(noise(width, height)), step)
    return made.width, made.height


@pytest.mark.parametrize(
    ("step", "size"),
    [
        ({"type": "resize", "width": 100}, (41, 30)),
        ({"type": "resize", "width": 100, "height": 12}, (41, 12)),
        ({"type": "resize", "width": 20}, (20, 15)),
        ({"type": "zoom", "width": 100, "height": 10}, (41, 10)),
        ({"type": "fitmethod", "fit_type": "stretch", "width": 20, "height": 90}, (20, 30)),
        ({"type": "fitmethod", "fit_type": "box", "width": 90, "height": 90}, (41, 30)),
        ({"type": "fitmethod", "fit_type": "box", "width": 90, "height": 15}, (21, 15)),
        ({"type": "fitmethod", "fit_type": "outside", "width": 20, "height": 60}, (41, 30)),
        ({"type": "fitmethod", "fit_type": "outside", "width": 20, "height": 6}, (20, 15)),
        ({"type": "fitmethod", "fit_type": "letterbox", "width": 90, "height": 80}, (90, 80)),
        ({"type": "fitmethod", "fit_type": "cropbox", "width": 20, "height": 80}, (20, 30)),
        ({"type": "fitmethod", "fit_type": "cropbox", "width": 90, "height": 80}, (41, 30)),
        ({"type": "fitmethod", "fit_type": "cropbox", "width": 20, "height": 10}, (20, 10)),
    ],
)
def test_nothing_grows_without_enlarge(step: Json, size: tuple[int, int]) -> None:
    assert sized({**step, "enlarge": False}) == size
    larger = make(encoded(noise(4, 3)), {**step, "enlarge": True})
    assert larger.width > 4


def test_without_enlarge_a_letterbox_holds_the_image_as_it_is() -> None:
    source = noise(W, H)
    step = {"type": "fitmethod", "fit_type": "letterbox", "width": 60, "height": 50}
    made = pixels_of(encoded(source), {**step, "color": "#102030", "enlarge": "false"})
    assert np.array_equal(made, models.on_canvas(source, (60, 50), (9, 10), (16, 32, 48, 255)))


@each_source
@pytest.mark.parametrize("opacity", [0, 4, 10])
def test_an_image_lies_on_its_canvas(name: str, opacity: int) -> None:
    data, pixels = SOURCES[name]
    fill = (200, 100, 50, round(25.5 * opacity))
    look: Json = {"color": "#c86432", "opacity": opacity}
    box: Json = {"type": "fitmethod", "fit_type": "letterbox", "width": W, "height": H + 8, **look}
    pad: Json = {"type": "pad", "top": 4, "bottom": "4px", "left": "0", **look}
    expected = models.on_canvas(pixels, (W, H + 8), (0, 4), fill)
    for step in (box, pad):
        made = pixels_of(data, step).astype(int)
        assert made.shape == expected.shape
        seen = expected[..., -1:] > 0 if expected.shape[2] == 4 else True
        tolerance = 0 if opacity == 0 else LEVEL + (opacity == 4)
        assert (np.abs(made - expected) * seen).max() <= tolerance


def test_the_fill_shows_through_a_logo() -> None:
    logo = (DATA / "cases" / "letterbox_logo.png").read_bytes()
    step = {"type": "fitmethod", "fit_type": "letterbox", "width": 200, "height": 200}
    made = make(logo, {**step, "color": "#ff0000"}, destination="o.jpg", quality=95)
    alpha = np.asarray(models.opened(logo).convert("RGBA").resize((200, 200)))[..., 3]
    clear = decoded(made.data)[alpha == 0]
    assert len(clear) > 1000
    assert (np.abs(clear.astype(int) - (255, 0, 0)) < 12).mean() > 0.99


@pytest.mark.parametrize(
    ("step", "left", "top", "size"),
    [
        ({"width": 5}, 5, 5, (51, 40)),
        ({"width": "10%"}, 4, 3, (49, 36)),
        ({"top": 3}, 0, 3, (41, 33)),
        ({"right": "50%", "left": 2}, 2, 0, (64, 30)),
        ({"bottom": 0}, 0, 0, (41, 30)),
    ],
)
def test_margins(step: Json, left: int, top: int, size: tuple[int, int]) -> None:
    source = noise(W, H)
    made = pixels_of(encoded(source), {"type": "pad", "color": "#123", **step})
    assert np.array_equal(made, models.on_canvas(source, size, (left, top), (17, 34, 51, 255)))


@each_source
@pytest.mark.parametrize("fill", [(10, 200, 90, 255), (10, 200, 90, 128)])
def test_what_a_rotation_uncovers_is_filled(name: str, fill: tuple[int, int, int, int]) -> None:
    data, pixels = SOURCES[name]
    colour = "#" + bytes(fill).hex()
    made = pixels_of(data, {"type": "rotate", "degrees": 30, "color": colour, "opacity": 10})
    assert made.shape[2] == (3 if pixels.shape[2] == 3 and fill[3] == 255 else 4)
    for corner in (made[0, 0], made[0, -1], made[-1, 0], made[-1, -1]):
        assert np.abs(corner.astype(int) - fill[: made.shape[2]]).max() <= LEVEL
    plain = pixels_of(data, {"type": "rotate", "degrees": 30})
    inside = plain[..., 3] == 255 if pixels.shape[2] == 3 else plain[..., 3] > 300
    away = inside & (np.roll(inside, 3, 0) & np.roll(inside, -3, 0) & np.roll(inside, 3, 1))
    assert np.array_equal(made[away][:, :3], plain[away][:, :3])


def test_the_background_of_a_job_is_under_all_that_is_clear() -> None:
    source = noise(40, 30, 4)
    made = make(
        encoded(source),
        destination="o.tif",
        background="#3060c0",
        options={"compression": "jpeg"},
        quality=100,
    )
    expected = models.laid_on(source, (0x30, 0x60, 0xC0, 255))
    assert np.abs(decoded(made.data).astype(float) - expected).mean() < 6
    large = np.dstack([np.full((800, 900, 3), 90, np.uint8), np.full((800, 900), 128, np.uint8)])
    for step in ([], [{"type": "resize", "width": 300}], [{"type": "rotate", "degrees": 20}]):
        made = make(encoded(large), *step, destination="o.jpg", background="#f00", quality=100)
        pixels = decoded(made.data)
        assert np.abs(pixels[len(pixels) // 2, pixels.shape[1] // 2] - [172.0, 45, 45]).max() <= 4
    turned = make(
        encoded(large[..., :3]),
        {"type": "rotate", "degrees": 20},
        destination="o.jpg",
        background="#f00",
        quality=100,
    )
    assert np.abs(decoded(turned.data)[0, 0] - [254.0, 0, 0]).max() <= 4


def test_a_background_has_no_alpha() -> None:
    with pytest.raises(InvalidRequest) as caught:
        job(background="#ff000080")
    assert caught.value.path == "jobs[0].background"


@pytest.mark.parametrize("kind", ["crop", "cropbox"])
@pytest.mark.parametrize("x", [0, 0.4, 1])
@pytest.mark.parametrize("y", [0, 0.71, 1])
def test_a_focus_is_as_near_the_middle_as_the_edges_allow(kind: str, x: float, y: float) -> None:
    source = noise(60, 40)
    focus = {"x": x, "y": y}
    if kind == "crop":
        scaled, wide, high = source, 30, 40
        step: Json = {"type": "crop", "width": 30, "height": 40, "focus": focus}
    else:
        scaled, wide, high = source, 60, 10
        step = {
            "type": "fitmethod",
            "fit_type": "cropbox",
            "width": 60,
            "height": 10,
            "focus": focus,
        }
    left = min(max(0, int(np.floor(x * 60 - wide / 2 + 0.5))), 60 - wide)
    top = min(max(0, int(np.floor(y * 40 - high / 2 + 0.5))), 40 - high)
    made = pixels_of(encoded(source), step)
    assert np.array_equal(made, scaled[top : top + high, left : left + wide])


@each_source
@pytest.mark.parametrize("size", [(20, 30), (41, 10), (12, 20), (30, 22)])
def test_smart_is_the_window_that_libvips_would_take(name: str, size: tuple[int, int]) -> None:
    data, _ = SOURCES[name]
    whole = pixels_of(
        data, {"type": "fitmethod", "fit_type": "outside", "width": size[0], "height": size[1]}
    )
    bands = whole.shape[2]
    image = pyvips.Image.new_from_memory(
        whole.tobytes(), whole.shape[1], len(whole), bands, "uchar"
    )
    expected = image.copy(interpretation="srgb").smartcrop(*size, interesting="attention").numpy()
    for step in (
        {"type": "crop", "gravity": "smart"},
        {"type": "fitmethod", "fit_type": "cropbox", "gravity": "smart"},
    ):
        made = pixels_of(data, {**step, "width": size[0], "height": size[1]})
        assert np.array_equal(made, expected)


def test_smart_finds_what_draws_attention_where_the_image_is_enlarged() -> None:
    source = np.full((40, 400, 3), 128, np.uint8)
    source[8:32, 300:330] = noise(30, 24)
    source[10:30, 305:325, 0] = 250
    step = {"type": "fitmethod", "fit_type": "cropbox", "width": 80, "height": 80}
    made = pixels_of(encoded(source), {**step, "gravity": "smart"})
    assert made.shape == (80, 80, 3)
    assert made.std() > 20


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ({"type": "crop", "focus": {"x": 0.5, "y": 0.5}, "gravity": "north"}, "focus"),
        ({"type": "crop", "focus": {"x": 0.5, "y": 0.5}, "fit": False}, "focus"),
        ({"type": "crop", "gravity": "smart", "fit": False}, "gravity"),
        ({"type": "fitmethod", "fit_type": "letterbox", "gravity": "smart"}, "gravity"),
        ({"type": "fitmethod", "fit_type": "box", "focus": {"x": 0.5, "y": 0.5}}, "focus"),
        ({"type": "crop", "focus": {"x": 1.1, "y": 0.5}}, "focus.x"),
        ({"type": "crop", "focus": {"x": 1}}, "focus.y"),
        ({"type": "crop", "focus": {"x": 1, "y": 1, "z": 1}}, "focus.z"),
        ({"type": "pad", "width": 5, "top": 3}, "top"),
        ({"type": "pad", "left": -1}, "left"),
        ({"type": "pad"}, ""),
        ({"type": "pixelate", "size": 0}, "size"),
        ({"type": "round"}, "radius"),
        ({"type": "gamma", "level": 0}, "level"),
        ({"type": "sharpen", "sigma": 11}, "sigma"),
        ({"type": "trim", "threshold": 256}, "threshold"),
        ({"type": "rotate", "degrees": 3, "opacity": 11}, "opacity"),
        ({"type": "watermark", "source": "m", "gravity": "smart"}, "gravity"),
        ({"type": "modulate", "hue": "far"}, "hue"),
    ],
)
def test_what_is_wrong_is_reported_by_its_path(step: Json, path: str) -> None:
    sides = {"width": 9} if step["type"] in {"crop", "fitmethod"} else {}
    with pytest.raises(InvalidRequest) as caught:
        job({**sides, **step})
    place = "jobs[0].transformations[0]"
    assert caught.value.path == (f"{place}.{path}" if path else place)


@each_source
@pytest.mark.parametrize("threshold", [0, 10, 60])
def test_trim_keeps_what_differs(name: str, threshold: int) -> None:
    pixels = SOURCES[name][1]
    bordered = np.empty((H + 9, W + 7, pixels.shape[2]), np.uint8)
    bordered[:] = (90, 91, 92, 0)[: pixels.shape[2]]
    bordered[4 : 4 + H, 5 : 5 + W] = pixels
    bordered[:4] += noise(W + 7, 4, 1) // 32  # less than 10 levels
    for step in ({}, {"color": "#5a5b5c00" if pixels.shape[2] == 4 else "#5a5b5c"}):
        made = pixels_of(encoded(bordered), {"type": "trim", "threshold": threshold, **step})
        colour = (90, 91, 92, 0) if step else None
        assert np.array_equal(made, models.trimmed(bordered, threshold, colour))


def test_each_type_names_the_gravities_that_it_has() -> None:
    for step, named in (
        ({"type": "crop", "width": 9, "gravity": "nort"}, True),
        ({"type": "watermark", "source": "m", "gravity": "smart"}, False),
    ):
        with pytest.raises(InvalidRequest) as caught:
            job(step)
        assert ("one of smart," in caught.value.message) == named


def test_an_image_of_one_colour_stays() -> None:
    source = np.full((9, 7, 3), 200, np.uint8)
    assert np.array_equal(pixels_of(encoded(source), {"type": "trim"}), source)


def test_trim_sees_alpha() -> None:
    source = np.zeros((20, 20, 4), np.uint8)
    source[6:9, 3:10, 3] = 255
    assert pixels_of(encoded(source), {"type": "trim"}).shape == (3, 7, 4)


def test_trim_of_an_animation_keeps_what_any_frame_shows() -> None:
    frames = [np.full((20, 30, 3), 255, np.uint8) for _ in range(2)]
    frames[0][5:8, 4:9] = 0
    frames[1][2:6, 10:20] = 0
    made = make(animation("WEBP", frames, [50, 50]), {"type": "trim"}, destination="o.webp")
    assert (made.width, made.height, made.frames) == (16, 6, 2)


def test_measurements_follow_each_other() -> None:
    """Bars, then a border, then levels: each on what the one before left."""
    source = np.zeros((60, 50, 3), np.uint8)
    source[10:50] = 255
    source[15:45, 10:40] = models.textured(30, 30, 3)
    steps: list[Json] = [{"type": "ulb"}, {"type": "trim"}, {"type": "normalize"}]
    expected = models.normalize(models.trimmed(source[10:50]))
    assert np.array_equal(pixels_of(encoded(source), *steps), expected)


def test_a_window_of_a_very_tall_image_is_no_matter_of_limits() -> None:
    tall = (DATA / "cases" / "tall_200x20000.png").read_bytes()
    step = {"type": "fitmethod", "fit_type": "cropbox", "width": 400, "height": 400}
    made = pixels_of(tall, step)
    middle = models.opened(tall).convert("RGB").crop((0, 9880, 200, 10120))
    expected = np.asarray(middle.resize((400, 480), Image.Resampling.BICUBIC))[40:440]
    assert made.shape == (400, 400, 3)
    assert np.abs(made.astype(int) - expected).mean() < 2
    with pytest.raises(OutputTooLarge):
        make(tall, {"type": "fitmethod", "fit_type": "outside", "width": 400, "height": 400})


@pytest.mark.parametrize("gravity", ["north", "center", "south"])
def test_an_enlarged_window_is_that_of_the_whole(gravity: str) -> None:
    for bands in (3, 4):
        source = models.textured(30, 50, bands)
        step = {"type": "fitmethod", "width": 83, "height": 61}
        whole = pixels_of(encoded(source), {**step, "fit_type": "outside"}, mode="exact")
        assert whole.shape == (138, 83, bands)
        top = {"north": 0, "center": 38, "south": 77}[gravity]
        made = pixels_of(encoded(source), {**step, "fit_type": "cropbox", "gravity": gravity})
        assert np.abs(made.astype(int) - whole[top : top + 61]).max() <= LEVEL
