"""Animations: every frame is processed as a still image; delays and loops are kept."""

import io
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from engine import EngineLimits, Output, Source, Stats, read_facts, render
from engine.errors import DarkroomError, IllegalPlan, OutputTooLarge, SourceCorrupt
from engine.execute import plan
from engine.expand import Resolved, measures
from engine.explain import explain
from engine.ir import verify
from engine.lower import LoweringContext, lower
from engine.schema import Format
from engine.vips import as_image
from tests.engine.images import Json, Pixels, decoded, encoded, job, make, noise, smooth
from tests.engine.matrix.steps import STEPS, Step
from tests.engine.uploads import DELAYS, FRAMES, KINDS, animation

MARKS = {name: Source.from_bytes(encoded(noise(9, 6, 4))) for name in ("mark", "translucent")}
MOVING = [noise(24, 18, seed=seed) for seed in range(3)]
WEBP = animation("WEBP", MOVING, DELAYS, loop=3)
BLACK, WHITE = (np.full((18, 24, 3), value, np.uint8) for value in (0, 255))


def frames_of(data: bytes) -> list[Pixels]:
    frames = ImageSequence.Iterator(Image.open(io.BytesIO(data)))
    return [np.asarray(frame.convert("RGBA")) for frame in frames]


def moved(source: bytes, *steps: Json, **options: Any) -> list[Pixels]:
    """Carry out a job up to its encoder, for what that loses is not at stake."""
    opened = Source.from_bytes(source)
    made = plan(job(*steps, format="webp"), read_facts(opened), resolved=Resolved(_facts()))
    return [
        as_image(still).numpy()
        for still in lower(made, LoweringContext(opened, MARKS, exact=False))
    ]


def _facts() -> dict[str, Any]:
    return {name: read_facts(mark) for name, mark in MARKS.items()}


def alone(frame: Pixels, *steps: Json) -> Pixels:
    ((_, made),) = render(Source.from_bytes(encoded(frame)), [job(*steps)], inputs=MARKS)
    assert isinstance(made, Output)
    return decoded(made.data)


def measured(step: Step) -> bool:
    """Return whether all frames are measured together."""
    return any(map(measures, job(*step.transformations).transformations))


@pytest.mark.parametrize(
    "step", [step for step in STEPS if not measured(step)], ids=attrgetter("name")
)
def test_every_frame_is_made_as_if_it_were_alone(step: Step) -> None:
    made = moved(WEBP, *step.transformations)
    assert len(made) == len(MOVING)
    for mine, frame in zip(made, MOVING, strict=True):
        assert np.array_equal(mine, alone(frame, *step.transformations))


@pytest.mark.parametrize(
    "step",
    [
        {"type": "blur", "sigma": 3},
        {"type": "blur", "sigma": 40},
        {"type": "enhance"},
        {"type": "filter", "filter": "smooth"},
        {"type": "resize", "width": 7},
        {"type": "resize", "width": 70},
        {"type": "rotate", "degrees": 90},
    ],
)
def test_nothing_leaks_from_frame_to_frame(step: Json) -> None:
    source = animation("GIF", [BLACK, WHITE, BLACK], [50, 50, 50])
    values = [(still.min(), still.max()) for still in moved(source, step)]
    assert values == [(0, 0), (255, 255), (0, 0)]


@pytest.mark.parametrize("loop", [0, 1, 5])
@pytest.mark.parametrize("ending", ["gif", "webp"])
@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_delays_and_loops_are_kept(kind: str, ending: str, loop: int) -> None:
    source = animation(kind, FRAMES, DELAYS, loop=loop)
    step: Json = {"type": "resize", "width": 12}
    output = make(source, step, destination=f"o.{ending}", quality=100)
    assert (output.width, output.height, output.frames) == (12, 5, 3)
    before, after = (read_facts(Source.from_bytes(data)) for data in (source, output.data))
    assert after.delays == before.delays == tuple(DELAYS)
    assert after.loop == before.loop
    assert after.frames == 3
    assert after.size == (12, 5)
    for mine, frame in zip(frames_of(output.data), FRAMES, strict=True):
        difference = mine[..., :3].astype(int) - alone(frame, step)
        assert np.abs(difference).mean() < 14


def test_an_animation_without_a_loop_is_shown_once() -> None:
    out = io.BytesIO()
    first, *others = map(Image.fromarray, FRAMES)
    first.save(out, "GIF", save_all=True, append_images=others, duration=DELAYS)
    output = make(out.getvalue(), destination="o.gif")
    assert Image.open(io.BytesIO(output.data)).info.get("loop") is None


def test_equal_frames_stay_in_gif() -> None:
    source = animation("WEBP", [BLACK, WHITE, BLACK], DELAYS)
    output = make(source, {"type": "brightness", "bright_level": 255}, destination="o.gif")
    assert (output.frames, read_facts(Source.from_bytes(output.data)).frames) == (3, 3)
    as_webp = make(source, {"type": "brightness", "bright_level": 255}, destination="o.webp")
    shown = read_facts(Source.from_bytes(as_webp.data))
    assert shown.frames < 3, "libwebp shows equal frames once, as long as all of them"


def test_a_frame_of_webp_lasts_as_long_as_the_equal_ones_it_stands_for() -> None:
    source = animation("GIF", [BLACK, WHITE, np.full_like(WHITE, 250)], [70, 150, 230])
    made = make(source, {"type": "brightness", "bright_level": 10}, destination="o.webp")
    assert read_facts(Source.from_bytes(made.data)).delays == (70, 380)


@pytest.mark.parametrize("ending", ["png", "jpg", "avif", "tif"])
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_elsewhere_it_is_the_first_frame(kind: str, ending: str) -> None:
    source = animation(kind, FRAMES, DELAYS)
    output = make(source, destination=f"o.{ending}", quality=95)
    assert (output.width, output.height, output.frames) == (24, 10, 1)
    image = Image.open(io.BytesIO(output.data))
    assert getattr(image, "n_frames", 1) == 1
    difference = np.asarray(image.convert("RGB")).astype(int) - FRAMES[0]
    assert np.abs(difference).mean() < 12


@pytest.mark.parametrize("name", ["png animated", "avif animated", "tiff"])
def test_what_is_read_as_a_still_stays_one(name: str) -> None:
    source = KINDS[name]()
    assert make(source, destination="o.gif").frames == 1
    assert read_facts(Source.from_bytes(source)).frames == 1


def test_an_animated_watermark_is_its_first_frame() -> None:
    step: Json = {"type": "watermark", "source": "m"}
    base, mark = encoded(smooth(30, 20)), animation("GIF", [WHITE, BLACK], [50, 50])
    made, still = (
        make(base, step, inputs={"m": data}, destination="o.gif") for data in (mark, encoded(WHITE))
    )
    assert made == still


def letterboxed(top: int, bottom: int) -> Pixels:
    frame = MOVING[0] // 2 + 100
    frame[:top] = 0
    frame[18 - bottom :] = 0
    return frame


@pytest.mark.parametrize(
    ("bars", "kept"),
    [
        ([(3, 2), (3, 2)], (3, 16)),
        ([(3, 2), (5, 1), (4, 4)], (3, 17)),
        ([(18, 0), (3, 2)], (3, 16)),  # it fades in from black
        ([(3, 2), (0, 0)], (0, 18)),
        ([(18, 0), (18, 0)], (0, 18)),
    ],
)
def test_ulb_keeps_what_any_frame_shows(bars: list[tuple[int, int]], kept: tuple[int, int]) -> None:
    frames = [letterboxed(*each) for each in bars]
    frames[-1][-1, -1] += 1  # no frame is equal to another
    source = animation("WEBP", frames, [50] * len(frames))
    output = make(source, {"type": "ulb"}, destination="o.webp")
    assert output.height == kept[1] - kept[0]
    first = make(source, {"type": "ulb"}, destination="o.png")
    assert first.height == (18 if bars[0] == (18, 0) else 18 - sum(bars[0]))


def test_frames_count_against_the_limits() -> None:
    step: Json = {"type": "resize", "width": 48}
    wanted = [job(step, format=name) for name in ("gif", "png")]
    limits = EngineLimits(max_output_pixels=3 * 48 * 36 - 1)
    (_, error), (_, still) = render(Source.from_bytes(WEBP), wanted, limits=limits)
    assert isinstance(error, OutputTooLarge)
    assert "(48×36 with 3 frames): 5,184 pixels, the limit is 5,183" in error.message
    assert not isinstance(still, DarkroomError)


def test_a_damaged_frame_is_the_source_s_fault() -> None:
    source = bytearray(animation("WEBP", [noise(90, 80, seed=n) for n in range(3)], DELAYS))
    last = source.rindex(b"VP8L")
    source[last + 13 : last + 60] = bytes(47)
    wanted = [job(), job(format="gif"), job(format="gif")]
    results = [result for _, result in render(Source.from_bytes(bytes(source)), wanted)]
    assert [type(result) for result in results] == [Output, SourceCorrupt, SourceCorrupt]


def test_many_frames_are_higher_than_any_image_may_be() -> None:
    frames = [np.full((300, 2, 3), value % 2 * 99 + value // 2, np.uint8) for value in range(250)]
    source = animation("WEBP", frames, [20] * 250)
    for ending in ("gif", "webp"):
        output = make(source, destination=f"o.{ending}")
        assert (output.width, output.height, output.frames) == (2, 300, 250)
        assert read_facts(Source.from_bytes(output.data)).frames == 250


def test_the_source_is_read_once_for_a_job() -> None:
    stats = Stats()
    list(render(Source.from_bytes(WEBP), [job(format="gif")], stats=stats))
    assert (stats.decode_passes, stats.pixels_decoded) == (1, 3 * 24 * 18)


def test_explain_counts_the_frames() -> None:
    explained = explain(Source.from_bytes(WEBP), [job(format="gif"), job()])
    moving, still = (each.stages[0].steps[0] for each in explained.jobs)
    assert moving.frame.pages == 3
    assert "3 frames" in moving.text
    assert still.frame.pages == 1


def test_a_plan_saves_frames_only_where_there_is_room() -> None:
    made = plan(job(format="gif"), read_facts(Source.from_bytes(WEBP)))
    odd = type(made.save)(Format.PNG, 100)
    with pytest.raises(IllegalPlan, match="save: png has only one frame"):
        verify(type(made)(made.facts, made.nodes, odd))
