"""Watermarks that are blended, faded, tiled and rotated, against independent models."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from engine import EngineLimits, Source, Stats
from engine.errors import InvalidRequest
from engine.execute.batch_run import BatchRun
from engine.execute.renderer import Rendering
from engine.schema import Blend
from tests.engine.images import Json, Pixels, encoded, job, jobs, noise, pixels_of, smooth
from tests.engine.strategies import OFFSETS
from tests.engine.types import models

SOURCES = models.sources()
each_source = pytest.mark.parametrize("name", SOURCES)
W, H = 41, 30
ROUNDING = 0.51


def marked(base: bytes | Pixels, mark: Pixels, **options: Any) -> Pixels:
    data = base if isinstance(base, bytes) else encoded(base)
    step = {"type": "watermark", "source": "m.png", **options}
    return pixels_of(data, step, inputs={"m.png": encoded(mark)})


@each_source
def test_every_mode_is_that_of_the_specification(name: str) -> None:
    data, pixels = SOURCES[name]
    translucent = noise(W, H, 4, seed=5)
    assert set(models.BLENDS) == {blend.value for blend in Blend}
    for blend in models.BLENDS:
        for mark, opacity in ((translucent, 10), (translucent, 3.5), (translucent[..., :3], 10)):
            made = marked(data, mark, blend=blend, opacity=opacity)
            assert made.shape == pixels.shape
            expected = models.blended(pixels, mark, blend, opacity / 10)
            assert models.off_by(made, expected) <= ROUNDING, (blend, opacity)


@pytest.mark.parametrize("blend", ["multiply", "over"])
def test_outside_of_a_blended_layer_nothing_changes(blend: str) -> None:
    base = noise(50, 40, 4)
    made = marked(base, noise(10, 8, 4, seed=1), blend=blend, gravity="southeast", xoffset=3)
    changed = (made != base).any(2)
    assert changed[32:, 37:47].any()
    changed[32:, 37:47] = False
    assert not changed.any()


@given(
    bands=st.sampled_from([3, 4]),
    mark=st.tuples(st.integers(1, 30), st.integers(1, 20), st.sampled_from([3, 4])),
    across=st.integers(-90, 90),
    down=st.integers(-90, 90),
    gap=st.integers(0, 50),
)
def test_tiles_begin_at_the_anchor_and_go_everywhere(
    bands: int, mark: tuple[int, int, int], across: int, down: int, gap: int
) -> None:
    base, layer = noise(W, H, bands), noise(*mark, seed=3)
    options: Json = {"gravity": "northwest", "xoffset": across, "yoffset": down}
    made = marked(base, layer, tile=True, spacing=gap, **options)
    whole = models.tiled(layer, (W, H), (across, down), gap)
    assert models.off_by(made, models.blended(base, whole)) <= ROUNDING
    if bands == 3:
        bare = whole[..., 3] == 0
        assert np.array_equal(made[bare], base[bare])


@pytest.mark.parametrize(
    ("gravity", "at"), [("center", (15, 11)), ("southeast", (30, 22)), ("north", (15, 0))]
)
def test_the_first_tile_stands_where_a_single_mark_would(gravity: str, at: tuple[int, int]) -> None:
    base, layer = noise(W, H), noise(11, 8, seed=1)
    made = marked(base, layer, tile="true", spacing="10%", gravity=gravity)
    assert np.array_equal(made[at[1] : at[1] + 8, at[0] : at[0] + 11], layer)
    whole = models.tiled(layer, (W, H), at, 3)  # a tenth of the shorter side
    assert models.off_by(made, models.blended(base, whole)) <= ROUNDING


@pytest.mark.parametrize("size", [(900, 40), (30, 1500)])
def test_the_smallest_tiles_cover_the_largest_image(size: tuple[int, int]) -> None:
    base, dot = smooth(*size), np.array([[[9, 200, 30], [250, 0, 9]]], np.uint8)
    made = marked(base, dot, tile=True, spacing=1, gravity="northwest")
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    covered = (rows % 2 == 0) & (columns % 3 < 2)
    assert np.array_equal(made[covered & (columns % 3 == 0)][0], dot[0, 0])
    expected = np.where(covered[..., None], dot[0][np.minimum(columns % 3, 1)], base)
    assert np.array_equal(made, expected)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 3), (180, 2), (270, 1), (360, 0)])
def test_quarter_turns_of_a_mark_move_its_pixels(degrees: int, turns: int) -> None:
    base, layer = noise(W, H), noise(20, 10, seed=1)
    made = marked(base, layer, degrees=degrees, gravity="northwest")
    turned = np.rot90(layer, turns)
    assert np.array_equal(made[: turned.shape[0], : turned.shape[1]], turned)


@pytest.mark.parametrize("bands", [3, 4])
def test_a_rotated_mark_is_centred_and_uncovers_nothing(bands: int) -> None:
    """Against Pillow's bicubic, which has no smooth edge."""
    base, layer = np.full((120, 160, 3), 200, np.uint8), smooth(60, 40, bands)
    made = marked(base, layer, degrees=30)
    across, along = np.cos(np.radians(30)), np.sin(np.radians(30))
    x, y = 80, 59.5  # the centre of 72 × 65 pixels in the middle of the image
    back = (across, along, 30 - x * across - y * along, -along, across, 20 + x * along - y * across)
    turned = (
        Image.fromarray(layer)
        .convert("RGBA")
        .transform((160, 120), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    )
    expected = models.blended(base, np.asarray(turned))[..., :3]
    here = Image.fromarray(
        np.asarray(
            Image.new("L", (60, 40), 255).transform((160, 120), Image.Transform.AFFINE, back)
        )
    )
    inside = np.asarray(here.filter(ImageFilter.MinFilter(5))) == 255
    outside = np.asarray(here.filter(ImageFilter.MaxFilter(5))) == 0
    assert inside.sum() > 1500
    assert np.abs(made - expected)[inside].max() <= 4  # Pillow mixes colours unpremultiplied
    assert np.array_equal(made[outside], base[outside])


def test_a_mark_of_no_opacity_changes_nothing() -> None:
    base = noise(W, H)
    assert np.array_equal(marked(base, noise(9, 9), opacity=0, tile=True), base)


def test_modes_and_tiles_of_a_batch_share_a_layer() -> None:
    mark: Json = {"type": "watermark", "source": "m", "opacity": 5, "degrees": 20}
    lists = [[{**mark, **other}] for other in ({}, {"blend": "screen"}, {"tile": True})]
    inputs = {"m": Source.from_bytes(encoded(noise(20, 20, 4)))}
    rendering = Rendering(Source.from_bytes(encoded(noise(W, H))), inputs, EngineLimits(), Stats())
    list(BatchRun(rendering, list(jobs(*lists)), [0, 1, 2], 1).results())
    assert len(rendering.context.layers) == 1


@given(blend=st.sampled_from([*models.BLENDS]), xoffset=OFFSETS, tile=st.booleans())
def test_a_window_of_the_marked_image_is_the_marked_window(
    blend: str, xoffset: Any, tile: bool
) -> None:
    """What is cut before it is marked is what is cut after."""
    base, mark = noise(W, H, 4), noise(9, 7, 4, seed=2)
    window: Json = {"type": "crop", "width": 17, "height": 12, "xoffset": 6, "fit": False}
    step: Json = {"type": "watermark", "source": "m", "blend": blend, "tile": tile}
    step["xoffset"] = xoffset
    inputs = {"m": encoded(mark)}
    whole = pixels_of(encoded(base), step, inputs=inputs)
    made = pixels_of(encoded(base), step, window, inputs=inputs)
    assert np.array_equal(made, whole[9 : 9 + 12, 18 : 18 + 17])


@pytest.mark.parametrize(
    ("options", "path", "words"),
    [
        ({"blend": "dodge"}, "blend", "over"),
        ({"opacity": 11}, "opacity", "a number from 0 to 10"),
        ({"tile": 1}, "tile", "true or false"),
        ({"spacing": 4}, "spacing", "'tile'"),
        ({"spacing": 4, "tile": False}, "spacing", "'tile'"),
        ({"spacing": -1, "tile": True}, "spacing", "0 or more"),
        ({"spacing": "5h", "tile": True}, "spacing", "0 or more"),
        ({"degrees": 361}, "degrees", "from 0 to 360"),
    ],
)
def test_what_is_wrong_with_a_mark_is_reported_by_its_path(
    options: Json, path: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        job({"type": "watermark", "source": "m", **options})
    assert caught.value.path == f"jobs[0].transformations[0].{path}"
