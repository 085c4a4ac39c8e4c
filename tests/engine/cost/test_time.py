"""Predicted seconds: what is slow is told from what is quick, by plans and headers alone.

The long form compares predictions with measurements: `make times`.
"""

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine import Output, Source, input_keys, render
from engine.execute.planning import plan_batch
from engine.expand import NOTHING_RESOLVED
from engine.explain import explain_facts
from engine.limits import DEFAULT_LIMITS
from engine.schema import Job
from engine.sources import Facts, SourceFormat
from tests.engine.images import Json, jobs
from tests.engine.memory.measure import Case
from tests.engine.memory.spread import FORMATS, SOURCES, TYPES, Images, Spread

SLOW_SECONDS = 2.0
PHOTO = Facts(format=SourceFormat.JPEG, width=4000, height=3000)
VEILED = Facts(format=SourceFormat.PNG, width=1600, height=1200, alpha=True)
MOVING = Facts(
    format=SourceFormat.GIF, width=800, height=600, frames=60, delays=(50,) * 60, alpha=True
)
INTERLACED = Facts(format=SourceFormat.PNG, width=20_000, height=10_000, interlaced=True)
SMART_CROP: Json = {"type": "crop", "width": 3000, "height": 2000, "gravity": "smart"}
HALF: Json = {"type": "resize", "width": "50%"}


def seconds(facts: Facts, batch: tuple[Job, ...]) -> float:
    """Predict as a worker does."""
    planned = plan_batch(batch, facts, DEFAULT_LIMITS, NOTHING_RESOLVED)
    return planned.schedule(tuple(range(len(batch))), DEFAULT_LIMITS, 1).seconds


@pytest.mark.parametrize(
    ("facts", "batch"),
    [
        (PHOTO, jobs([{"type": "resize", "width": 200}])),
        (PHOTO, jobs(*([{"type": "resize", "width": each}] for each in (1600, 800, 400, 200)))),
        (PHOTO, jobs([HALF], destination="o.webp")),
        (PHOTO, jobs([{"type": "crop", "width": 800, "height": 600, "gravity": "smart"}])),
        (PHOTO, jobs([{"type": "trim"}, {"type": "resize", "width": 200}], destination="o.avif")),
        (VEILED, jobs([{"type": "blur", "sigma": 8}], destination="o.png")),
    ],
)
def test_what_is_quick_is_predicted_to_be(facts: Facts, batch: tuple[Job, ...]) -> None:
    assert 0 < seconds(facts, batch) < SLOW_SECONDS / 2


def test_a_long_profile_takes_the_time_of_its_copies() -> None:
    batch = jobs([{"type": "resize", "width": 200}])
    short, long = (replace(PHOTO, profile=True, profile_bytes=size) for size in (0, 16_000_000))
    assert seconds(long, batch) - seconds(short, batch) == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("facts", "batch"),
    [
        (PHOTO, jobs([], destination="o.avif")),
        (PHOTO, jobs([HALF], destination="o.avif", options={"effort": 6})),
        (PHOTO, jobs([], destination="o.webp", options={"lossless": True})),
        (PHOTO, jobs([], destination="o.gif")),
        (PHOTO, jobs([], destination="o.webp", quality="auto")),
        (VEILED, jobs([], destination="o.png", options={"palette": True})),
        (VEILED, jobs([], destination="o.webp", options={"effort": 6})),
        (PHOTO, jobs([{"type": "enhance"}])),
        (PHOTO, jobs([{"type": "sharpen", "sigma": 10}])),
        (PHOTO, jobs([{"type": "blur", "sigma": 50}], mode="exact")),
        (PHOTO, jobs([SMART_CROP], destination="o.avif")),
        (MOVING, jobs([], destination="o.gif")),
        (MOVING, jobs([{"type": "rotate", "degrees": 20}], destination="o.webp")),
        (INTERLACED, jobs([HALF])),
        (Facts(format=SourceFormat.AVIF, width=8_000, height=6_000), jobs([HALF])),
        (Facts(format=SourceFormat.SVG, width=10, height=10), jobs([])),
        (PHOTO, jobs(*(60 * [[HALF]]), destination="o.png")),
    ],
)  # fmt: skip
def test_what_is_slow_is_predicted_to_be(facts: Facts, batch: tuple[Job, ...]) -> None:
    assert seconds(facts, batch) > SLOW_SECONDS


def test_what_a_batch_shares_is_done_once() -> None:
    both = jobs([{"type": "enhance"}], [{"type": "enhance"}, HALF])
    alone = [explain_facts(PHOTO, [each]).cost.seconds for each in both]
    together = explain_facts(PHOTO, both)
    assert max(alone) < together.cost.seconds < 0.6 * sum(alone)
    assert together.cost.seconds == pytest.approx(seconds(PHOTO, both))
    assert "s of one core" in str(together)


def test_only_what_is_wanted_of_a_batch_counts() -> None:
    batch = jobs([HALF], [{"type": "enhance"}])
    planned = plan_batch(batch, PHOTO, DEFAULT_LIMITS, NOTHING_RESOLVED)
    some = planned.schedule((0,), DEFAULT_LIMITS, 1).seconds
    assert some < 0.1 * planned.schedule((0, 1), DEFAULT_LIMITS, 1).seconds


@pytest.mark.long
def test_predictions_are_near_what_is_measured(tmp_path: Path) -> None:
    """Nine in ten are within three times what a core takes, and none beyond five times."""
    spread = Spread(Images(tmp_path))
    cases = [(name, spread.case("photo-middle.jpg", step)) for name, step in TYPES.items()]
    for name, (ending, options) in FORMATS.items():
        cases.append((name, spread.case("photo-middle.png", [], ending=ending, **options)))
    for kind in SOURCES:
        name = kind.format("photo-middle")
        cases.append((name, spread.case(name, TYPES["thumbnail"])))
    _measure(cases[0][1])  # what is loaded once
    ratios = []
    for name, case in cases:
        measured, predicted = _measure(case)
        ratios.append(predicted / measured)
        print(f"{name:30} {measured:8.3f} s  predicted {predicted:8.3f}  {ratios[-1]:5.2f}")  # noqa: T201
    ratios.sort()
    near = [each for each in ratios if 1 / 3 <= each <= 3]
    assert len(near) >= 0.9 * len(ratios)
    assert 0.2 <= ratios[0] <= ratios[-1] <= 5


def _measure(case: Case) -> tuple[float, float]:
    """Return the seconds of the processor that a case takes, and those predicted."""
    batch, told = case.batch, list[float]()
    source = Source.from_path(case.source)
    inputs = {key: Source.from_path(case.inputs[key]) for key in input_keys(batch.jobs)}
    began = time.process_time()
    rendered = render(source, batch.jobs, inputs=inputs, admit=lambda _, each: told.append(each))
    assert all(isinstance(result, Output) for _, result in rendered)
    return time.process_time() - began, told[0]
