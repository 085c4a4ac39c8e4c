"""Plans that are kept: found again by all that they depend on, and by nothing less."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from engine import EngineLimits, Output, Source, Stats, read_facts, render
from engine.errors import UnsupportedFormat
from engine.execute import plan_cache
from engine.execute.plan_cache import PlanCache, Reused
from engine.execute.planning import plan_batch
from engine.expand import Resolved
from engine.explain import explain
from engine.fonts import TYPEFACES
from engine.geometry import Box
from engine.schema import Job, Mode
from engine.sources import Facts
from tests.engine.images import Json, encoded, jobs, noise

LIMITS = EngineLimits()
FACTS = read_facts(Source.from_bytes(encoded(noise(40, 30))))
SIZES: list[list[Json]] = [[{"type": "resize", "width": width}] for width in (20, 10)]
MARKED: list[Json] = [{"type": "watermark", "source": "mark"}]


class Asked:
    """A cache, and what came of asking it."""

    def __init__(self, max_bytes: int = plan_cache.MAX_BYTES) -> None:
        self.cache = PlanCache(max_bytes)
        self.reused = Reused()

    def batch(
        self,
        batch: tuple[Job, ...],
        facts: Facts = FACTS,
        limits: EngineLimits = LIMITS,
        **inputs: Any,
    ) -> bool:
        """Return whether a plan was there; whether or not, it is what planning gives."""
        hits, resolved = self.reused.hits, Resolved(inputs)
        made = self.cache.batch(batch, facts, limits, resolved, self.reused)
        expected = plan_batch(batch, facts, limits, resolved)
        assert str(made) == str(expected)
        return self.reused.hits > hits


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_the_same_again_is_there_wherever_it_goes(asked: Asked) -> None:
    assert not asked.batch(jobs(*SIZES))
    assert asked.batch(jobs(*SIZES))
    assert asked.batch(jobs(*SIZES, destination="elsewhere.png"))
    assert (asked.reused.hits, asked.reused.misses) == (2, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"batch": jobs(*SIZES[::-1])},
        {"batch": jobs(SIZES[0])},
        {"batch": jobs(*SIZES, destination="out.webp")},
        {"batch": jobs(*SIZES, format="png", options={"compression": 9})},
        {"batch": jobs(*SIZES, mode="exact")},
        {"facts": replace(FACTS, width=41)},
        {"facts": replace(FACTS, profile=True)},
        {"limits": replace(LIMITS, mode=Mode.EXACT)},
        {"limits": replace(LIMITS, max_held_bytes=0)},
    ],
)
def test_whatever_differs_is_planned_by_itself(asked: Asked, other: dict[str, Any]) -> None:
    asked.batch(jobs(*SIZES))
    described = {"batch": jobs(*SIZES)} | other
    assert not asked.batch(**described)
    assert asked.batch(**described)


def test_quality_and_what_is_kept_count(asked: Asked) -> None:
    for options in ({"quality": 60}, {"quality": 61}, {"quality": 61, "keep": "copyright"}):
        assert not asked.batch(jobs(*SIZES, destination="a.jpg", **options))


def test_a_watermark_of_another_size_is_another_batch(asked: Asked) -> None:
    batch = jobs(MARKED)
    assert not asked.batch(batch, mark=FACTS)
    assert asked.batch(batch, mark=FACTS)
    assert not asked.batch(batch, mark=replace(FACTS, width=9))


def test_what_was_refused_is_not_kept(asked: Asked) -> None:
    beside = [{"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 900}]
    for _ in range(2):
        assert not asked.batch(jobs(SIZES[0], beside))
    assert len(asked.cache.plans) == 0


def test_measurements_count(asked: Asked) -> None:
    (job,) = jobs([{"type": "ulb"}])
    boxes = [Box(0, 0, 40, 30), Box(0, 2, 40, 28), Box(0, 0, 40, 30)]
    plans = [
        asked.cache.job(job, FACTS, LIMITS, Resolved({}, {0: box}), asked.reused) for box in boxes
    ]
    assert plans[0] is plans[2]
    assert plans[0].nodes != plans[1].nodes
    assert (asked.reused.hits, asked.reused.misses) == (1, 2)


def test_beside_a_missing_watermark_every_measured_job_has_its_own_plan() -> None:
    batch = jobs([{"type": "trim"}], [{"type": "normalize"}, *SIZES[0]], MARKED)
    inputs = {"mark": UnsupportedFormat("no image")}
    source = Source.from_bytes(encoded(noise(40, 30)))
    for _ in range(2):
        made = dict(render(source, batch, inputs=inputs))
        sizes = [(each.width, each.height) for each in made.values() if isinstance(each, Output)]
        assert sizes == [(40, 30), (20, 15)]


def test_more_fonts_are_another_world(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.batch(jobs(*SIZES))
    monkeypatch.setattr(TYPEFACES, "faces", TYPEFACES.faces[:-1])
    assert not asked.batch(jobs(*SIZES))


def test_it_is_bounded_and_forgets_the_longest_unused() -> None:
    asked = Asked(max_bytes=4000)
    batches = [jobs([{"type": "resize", "width": width}]) for width in range(5, 39)]
    for batch in batches:
        asked.batch(batches[0])
        asked.batch(batch)
    assert asked.cache.plans.bytes <= 4000
    assert 1 < len(asked.cache.plans) < len(batches)
    assert asked.batch(batches[0])
    assert not asked.batch(batches[2])


def test_what_is_too_large_for_it_is_planned_each_time() -> None:
    asked = Asked(max_bytes=100)
    for _ in range(2):
        assert not asked.batch(jobs(*SIZES))


def outputs(source: Source, batch: tuple[Job, ...], stats: Stats) -> list[bytes]:
    return [made.data for _, made in render(source, batch, stats=stats) if isinstance(made, Output)]


def test_rendering_counts_and_makes_the_same() -> None:
    source = Source.from_bytes(encoded(np.tile(noise(33, 21), (3, 3, 1))))
    batch = jobs([{"type": "ulb"}, *SIZES[0]], *SIZES, destination="cached.png")
    stats = [Stats(), Stats()]
    first, second = (outputs(source, batch, each) for each in stats)
    assert first == second
    assert stats[0].plans.misses == 2  # the batch, and the job that needs pixels
    assert (stats[1].plans.hits, stats[1].plans.misses) == (2, 0)


def test_explanations_and_modes_are_their_own() -> None:
    source = Source.from_bytes(encoded(np.tile(noise(40, 25), (20, 30, 1)), "JPEG"))
    batches = [jobs(*SIZES, mode=mode, destination="a.jpg") for mode in ("balanced", "exact")]
    before = [str(explain(source, batch)) for batch in batches]
    for batch in (*batches, *batches):
        outputs(source, batch, Stats())
    assert [str(explain(source, batch)) for batch in batches] == before
    assert before[0] != before[1]
