"""Explanations match what is executed: as many decodes, the same errors."""

import msgspec
import pytest

from engine import EngineLimits, Source, Stats, render
from engine.errors import DarkroomError
from engine.explain import Explanation, explain
from tests.engine.images import Json, encoded, jobs, noise
from tests.engine.uploads import DELAYS, animation

MOVING = animation("WEBP", [noise(24, 18, seed=seed) for seed in range(3)], DELAYS)
STILL = encoded(noise(24, 18))
SMALL: Json = {"type": "resize", "width": 9}
BESIDE: Json = {"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 900}


@pytest.mark.parametrize("image", [MOVING, STILL], ids=["moving", "still"])
@pytest.mark.parametrize("ending", ["out.webp", "out.png"])
@pytest.mark.parametrize("budget", [0, 2**20])
def test_there_are_as_many_trees_as_decodes(image: bytes, ending: str, budget: int) -> None:
    source, stats, limits = Source.from_bytes(image), Stats(), EngineLimits(max_held_bytes=budget)
    batch = jobs([SMALL], [SMALL, BESIDE], [], destination=ending)
    explained = explain(source, batch, limits=limits)
    done = list(render(source, batch, limits=limits, stats=stats))
    assert len(explained.trees) == stats.decode_passes
    for job, (_, outcome) in zip(explained.jobs, done, strict=True):
        refused = (job.refusal.code, job.refusal.message) if job.refusal else None
        error = outcome if isinstance(outcome, DarkroomError) else None
        assert refused == (error and (error.code, error.message))


def test_the_data_is_all_there_is_to_the_text() -> None:
    explained = explain(Source.from_bytes(STILL), jobs([SMALL], [BESIDE], [{"type": "ulb"}]))
    assert all(text in str(explained) for text in ("together", "refused", "assumed", "ulb"))
    read = msgspec.json.decode(msgspec.json.encode(explained), type=Explanation)
    assert read == explained
    assert str(read) == str(explained)
