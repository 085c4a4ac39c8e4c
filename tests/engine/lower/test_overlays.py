"""Watermarks: position, pixels that stay as they are, errors."""

import numpy as np
import pytest

from engine import EngineLimits, Source, Stats, input_keys, render
from engine.errors import (
    DarkroomError,
    LimitExceeded,
    SourceCorrupt,
    TransformationFailed,
    UnsupportedFormat,
)
from engine.execute.batch_run import BatchRun
from engine.execute.renderer import Rendering
from tests.engine.images import Json, Pixels, encoded, job, jobs, noise, pixels_of, smooth, where

GREEN = (0, 200, 0)
WHITE = np.full((60, 100, 3), 255, np.uint8)


def plain(width: int, height: int, colour: tuple[int, ...] = GREEN) -> Pixels:
    return np.full((height, width, len(colour)), colour, np.uint8)


def marked(base: Pixels, mark: Pixels, **options: object) -> Pixels:
    step = {"type": "watermark", "source": "m.png", **options}
    return pixels_of(encoded(base), step, inputs={"m.png": encoded(mark)})


@pytest.mark.parametrize(
    ("options", "box"),
    [
        ({}, (40, 25, 60, 35)),
        ({"gravity": "southeast"}, (80, 50, 100, 60)),
        ({"gravity": "southeast", "xoffset": 5, "yoffset": "10%"}, (75, 44, 95, 54)),
        ({"gravity": "northwest", "width": "50%"}, (0, 0, 50, 25)),
        ({"gravity": "northwest", "height": "50%"}, (0, 0, 60, 30)),
        ({"gravity": "northwest", "width": 7, "height": "10w"}, (0, 0, 7, 10)),
        ({"gravity": "west", "xoffset": -15}, (0, 25, 5, 35)),
    ],
)
def test_where_a_watermark_stands(
    options: dict[str, object], box: tuple[int, int, int, int]
) -> None:
    made = marked(WHITE, plain(20, 10), **options)
    assert where(made, WHITE) == box
    assert made.shape == WHITE.shape
    left, top, right, bottom = box
    assert np.array_equal(made[top:bottom, left:right], plain(right - left, bottom - top))


def test_a_watermark_beside_the_image_changes_nothing() -> None:
    assert np.array_equal(marked(WHITE, plain(20, 10), xoffset=500), WHITE)


def test_source_over() -> None:
    base, mark = noise(30, 20, 4), noise(30, 20, 4, seed=1)
    alpha, under = mark[..., 3:] / 255, base[..., 3:] / 255
    whole = alpha + under * (1 - alpha)
    colours = (mark[..., :3] * alpha + base[..., :3] * under * (1 - alpha)) / np.maximum(
        whole, 1e-9
    )
    made = marked(base, mark)
    assert np.abs(made[..., 3:] - whole * 255).max() <= 0.51
    assert np.abs((made[..., :3] - colours) * whole).max() <= 0.51
    on_rgb = marked(base[..., :3], mark)
    expected = mark[..., :3] * alpha + base[..., :3] * (1 - alpha)
    assert np.abs(on_rgb - expected).max() <= 0.51


def test_an_opaque_watermark_makes_a_clear_image_opaque_there() -> None:
    made = marked(plain(40, 40, (1, 2, 3, 0)), plain(10, 10), gravity="northwest")
    assert tuple(made[5, 5]) == (*GREEN, 255)
    assert tuple(made[20, 20]) == (1, 2, 3, 0)


def test_layers_in_a_tall_image_are_read_in_one_stream() -> None:
    """libvips' `insert` would rewind the source 1,024 rows after the layer."""
    steps: list[Json] = [
        {"type": "filter", "filter": "blurselective"},
        {"type": "watermark", "source": "m", "gravity": "north"},
        {"type": "annotation", "text": "tall", "size": 20},
        {"type": "watermark", "source": "m", "yoffset": 200},
    ]
    tall, mark = smooth(120, 3000), encoded(noise(20, 20, 4))
    made = pixels_of(encoded(tall), *steps, inputs={"m": mark})
    assert where(made[1400:], smooth(120, 3000)[1400:])[3] > 0
    assert made.shape == tall.shape
    with_alpha = np.dstack([tall, np.full(tall.shape[:2], 200, np.uint8)])
    assert pixels_of(encoded(with_alpha), *steps, inputs={"m": mark}).shape == with_alpha.shape


def test_a_layer_is_prepared_once_a_batch() -> None:
    steps: list[Json] = [
        {"type": "watermark", "source": "m", "width": 9},
        {"type": "annotation", "text": "x"},
    ]
    inputs = {"m": Source.from_bytes(encoded(noise(20, 20, 4)))}
    source = Source.from_bytes(encoded(WHITE))
    rendering = Rendering(source, inputs, EngineLimits(), Stats())
    list(BatchRun(rendering, [job(*steps)], [0], 1).results())
    first = [id(ink) for ink in rendering.context.layers.values()]
    list(BatchRun(rendering, [job(*steps)], [0], 1).results())
    assert len(first) == 2
    assert [id(ink) for ink in rendering.context.layers.values()] == first


def test_the_keys_of_the_inputs() -> None:
    marks: list[Json] = [{"type": "watermark", "source": key} for key in ("b", "/a", "b")]
    assert input_keys(jobs(marks, marks[:1])) == ["b", "a"]


def failure(step: Json, limits: EngineLimits | None = None, **inputs: object) -> DarkroomError:
    sources = {
        key: value if isinstance(value, DarkroomError) else Source.from_bytes(bytes(value))  # type: ignore[call-overload]
        for key, value in inputs.items()
    }
    wanted = [job(step), job()]
    results = dict(
        render(
            Source.from_bytes(encoded(WHITE)),
            wanted,
            inputs=sources,
            limits=limits or EngineLimits(),
        )
    )
    assert not isinstance(results[1], DarkroomError), "a job without the watermark is unharmed"
    error = results[0]
    assert isinstance(error, DarkroomError)
    return error


MARK: Json = {"type": "watermark", "source": "m"}


def test_a_watermark_that_cannot_be_used_ends_its_own_job() -> None:
    given = TransformationFailed("it was not there")
    assert failure(MARK, m=given) is given
    assert "no image was given for 'm'" in failure(MARK).message
    assert isinstance(failure(MARK, m=b"text"), UnsupportedFormat)
    half = encoded(noise(90, 90))[:9000]
    truncated = failure(MARK, m=half)
    assert isinstance(truncated, SourceCorrupt)
    assert truncated.message.startswith("m: ")
    large = failure(MARK, EngineLimits(max_watermark_pixels=99), m=encoded(plain(10, 10)))
    assert isinstance(large, LimitExceeded)
    assert "100 pixels, the limit is 99 (max_watermark_pixels)" in large.message
