"""clamp_alpha: alpha is multiplied in once and divided out once."""

from typing import Any

import numpy as np
import pytest

from engine import Source, read_facts
from engine.expand import expand
from engine.ir import Clamp, Crop, Premultiply, Resample, Table, Unpremultiply
from engine.passes.clamp_alpha import clamp_alpha
from tests.engine.images import Json, encoded, executed, job, noise
from tests.engine.passes.plans import RGBA, plan_of


def test_what_becomes_one() -> None:
    nodes = (Premultiply(), Resample(9, 9), Unpremultiply())
    plan = plan_of(*nodes, *nodes[:1], Resample(5, 5), Unpremultiply(), facts=RGBA)
    made = clamp_alpha(plan)
    assert made.nodes[2:] == (*nodes[:2], Clamp(), Resample(5, 5), Unpremultiply())
    assert made.frame == plan.frame
    assert clamp_alpha(made) is made


@pytest.mark.parametrize(
    "between", [Table((bytes(256),) * 3), Crop((0, 0, 3, 3))]  # type: ignore[arg-type]
)  # fmt: skip
def test_what_stays(between: Any) -> None:
    plan = plan_of(Premultiply(), Unpremultiply(), between, Premultiply(), facts=RGBA)
    assert clamp_alpha(plan) is plan


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("last", [{"type": "blur", "sigma": 1}, {"type": "resize", "width": 61}])
def test_every_bit_is_kept(seed: int, last: Json) -> None:
    """Enlarging noise with hard alpha draws colours far beyond it."""
    image = noise(33, 21, 4, seed)
    image[..., 3] = np.where(image[..., 3] < 200, image[..., 3] // 40, 255)
    source = Source.from_bytes(encoded(image))
    steps: list[Json] = [{"type": "resize", "width": 50}, last]
    plain = expand(job(*steps), read_facts(source))
    made = clamp_alpha(plain)
    assert made is not plain
    assert np.array_equal(executed(made, source), executed(plain, source))
