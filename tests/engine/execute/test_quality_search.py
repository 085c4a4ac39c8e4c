"""Searched qualities: the lowest that is near enough, the highest that is short enough."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Format, Source
from engine.errors import BytesExceeded, InvalidRequest
from engine.execute.quality_search import MOST_ENCODINGS, search_quality
from engine.explain import explain
from engine.ir import QualitySearch
from engine.lower import encode_result
from engine.raster import structural_similarity
from engine.schema.quality import LEAST_SIMILARITY
from engine.vips import reread
from tests.engine.images import (
    PHOTOS,
    Pixels,
    encoded,
    job,
    make,
    noise,
    pixels_of,
    raster_of,
    smooth,
)
from tests.engine.uploads import animation

PHOTO = (PHOTOS / "chelsea.png").read_bytes()
SMALL = {"type": "resize", "width": 160}
ENDINGS = ("jpg", "webp", "avif")
STEP = 0.005


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> dict[int, bytes]:
    """The files that were tried, by quality."""
    files: dict[int, bytes] = {}

    def encode(pixels: Any, frame: Any, save: Any, *others: Any, **named: Any) -> bytes:
        files[save.quality] = encode_result(pixels, frame, save, *others, **named)
        return files[save.quality]

    monkeypatch.setattr("engine.execute.encoding.encode_result", encode)
    return files


def likeness(data: bytes, before: Pixels, written: Format) -> float:
    return structural_similarity(raster_of(before), reread(data, written))


def size(quality: int) -> bytes:
    return bytes([quality]) * (10 * quality)


@given(
    least=st.none() | st.integers(1, 101),
    most=st.none() | st.integers(1, 1100),
    highest=st.integers(1, 100),
)
def test_of_all_qualities_it_finds_the_right_one(
    least: int | None, most: int | None, highest: int
) -> None:
    """Quality q has 10 q bytes and a similarity of q / 100."""
    if least is None and most is None:
        return
    if least is not None:
        highest = 100
    tried = 0

    def encode(quality: int) -> bytes:
        nonlocal tried
        tried += 1
        return size(quality)

    search = QualitySearch(None if least is None else least / 100, most)
    short = [quality for quality in range(1, highest + 1) if most is None or 10 * quality <= most]
    if not short:
        with pytest.raises(BytesExceeded):
            search_quality(search, highest, encode, lambda data: data[0] / 100)
    else:
        found = search_quality(search, highest, encode, lambda data: data[0] / 100)[0]
        if least is not None:
            assert found == min(max(least, 1), short[-1])
        elif highest == 100:
            assert found == short[-1]
        else:
            assert short[-1] - 2 <= found <= short[-1]
    assert tried <= MOST_ENCODINGS


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("least", [0.90, 0.95, None])
def test_the_lowest_quality_that_keeps_a_similarity(
    ending: str, least: float | None, tried: dict[int, bytes]
) -> None:
    before = pixels_of(PHOTO, SMALL)
    tried.clear()
    wanted: dict[str, Any] = {} if least is None else {"min_ssim": least}
    made = make(PHOTO, SMALL, destination=f"a.{ending}", quality="auto", **wanted)
    least = least or LEAST_SIMILARITY
    assert len(tried) <= MOST_ENCODINGS
    above = likeness(made.data, before, made.format) - least
    assert above >= 0
    chosen = min(quality for quality, data in tried.items() if data == made.data)
    assert likeness(tried[chosen - 1], before, made.format) < least
    assert above <= STEP or (ending == "avif" and least < 0.95)  # whose own steps are longer there


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_highest_quality_that_is_short_enough(ending: str, tried: dict[int, bytes]) -> None:
    made = make(PHOTO, SMALL, destination=f"a.{ending}", quality="auto", max_bytes=4000)
    assert len(tried) <= MOST_ENCODINGS
    assert len(made.data) <= 4000
    chosen = max(quality for quality, data in tried.items() if data == made.data)
    assert len(tried[chosen + 1]) > 4000


def test_a_quality_is_kept_where_it_is_short_enough(tried: dict[int, bytes]) -> None:
    made = make(PHOTO, SMALL, destination="a.jpg", quality=80, max_bytes=100_000)
    assert made.data == tried[80]
    assert list(tried) == [80]


def test_bytes_go_before_similarity() -> None:
    wanted: dict[str, Any] = {"destination": "a.webp", "quality": "auto", "min_ssim": 0.99}
    assert 4000 < len(make(PHOTO, SMALL, **wanted, max_bytes=50_000).data) < 50_000
    assert len(make(PHOTO, SMALL, **wanted, max_bytes=4000).data) <= 4000


def test_what_no_quality_makes_short_enough_fails() -> None:
    with pytest.raises(BytesExceeded, match=r"at the lowest quality, max_bytes is 200$"):
        make(PHOTO, SMALL, destination="a.jpg", max_bytes=200)


def test_grain_that_no_quality_keeps_is_written_at_the_highest(tried: dict[int, bytes]) -> None:
    grain = encoded(noise(40, 40))
    tried.clear()
    made = make(grain, destination="a.webp", quality="auto", min_ssim=1)
    assert made.data == tried[100]


def test_a_translucent_image_is_compared_on_grey() -> None:
    """Colours that nobody sees do not count, however far they are."""
    veiled = np.dstack([noise(64, 64), np.zeros((64, 64), np.uint8)])
    veiled[20:40, 20:40] = (90, 120, 30, 255)
    made = make(encoded(veiled), destination="a.webp", quality="auto", min_ssim=0.95)
    plain = make(encoded(veiled), destination="a.webp", quality=90)
    assert len(made.data) < len(plain.data)


def test_of_an_animation_the_first_and_the_last_frame_count(tried: dict[int, bytes]) -> None:
    """The first two are equal once they are cropped, and become one in the file."""
    frames = [smooth(60, 40), smooth(60, 40), noise(60, 40)]
    frames[1][:, 50:] = 0
    window = {"type": "crop", "width": 48, "height": 40, "fit": False, "gravity": "west"}
    source = animation("WEBP", frames, [40, 40, 40])
    made = make(source, window, destination="a.webp", quality="auto", min_ssim=0.9)
    first, last = reread(made.data, made.format), reread(made.data, made.format, last=True)
    assert made.frames == 3
    assert structural_similarity(raster_of(frames[0][:, :48]), first) >= 0.9
    assert 0 <= structural_similarity(raster_of(frames[2][:, :48]), last) - 0.9 <= 0.02
    assert len(tried) <= MOST_ENCODINGS


def test_ten_bits_are_compared_in_eight() -> None:
    made = make(
        PHOTO, SMALL, destination="a.avif", quality="auto", min_ssim=0.9, options={"bits": 10}
    )
    before = pixels_of(PHOTO, SMALL)
    assert 0 <= likeness(made.data, before, made.format) - 0.9 <= 0.01


def test_a_plan_says_what_is_searched() -> None:
    described = {"quality": "auto", "min_ssim": 0.95, "max_bytes": 50_000}
    wanted = [job(destination="a.jpg", **described), job(destination="a.jpg", max_bytes=9000)]
    saves = [each.save for each in explain(Source.from_bytes(PHOTO), wanted).jobs]
    assert saves == [
        "jpeg quality searched: SSIM at least 0.95, at most 50,000 bytes",
        "jpeg quality up to 70, searched: at most 9,000 bytes",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            {"quality": "auto"},
            'jobs[0].quality: expected a result in jpeg, lossy webp or avif beside "auto", got png',
        ),
        (
            {"max_bytes": 9},
            "jobs[0].max_bytes: expected a result in jpeg, lossy webp or avif beside it, got png",
        ),
        (
            {"quality": "auto", "format": "webp", "options": {"lossless": True}},
            'jobs[0].quality: expected a result in jpeg, lossy webp or avif beside "auto", got '
            "lossless webp",
        ),
        ({"min_ssim": 0.9, "format": "jpeg"}, "jobs[0].min_ssim: expected 'quality': \"auto\""),
        (
            {"quality": "auto", "min_ssim": 98, "format": "jpeg"},
            "jobs[0].min_ssim: expected a number from 0 to 1, got 98",
        ),
        ({"max_bytes": 0, "format": "jpeg"}, "jobs[0].max_bytes: expected a number of 1 or more"),
        ({"quality": "best"}, 'jobs[0].quality: expected a number from 0 to 100 or "auto", got'),
        ({"quality": True}, 'jobs[0].quality: expected a number from 0 to 100 or "auto", got true'),
    ],
)
def test_what_cannot_be_searched_is_reported(words: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        job(**words)
    assert caught.value.message.startswith(message)
