"""flatten_early: flattened without dividing first, and rotated on white."""

import numpy as np
import pytest

from engine import Source, read_facts
from engine.expand import expand
from engine.ir import WHITE, Crop, Flatten, Plan, Resample, Rotate, Save, Unpremultiply
from engine.passes.flatten_early import flatten_early
from engine.schema import Format
from tests.engine.images import (
    Json,
    Pixels,
    encoded,
    job,
    noise,
    smooth,
)
from tests.engine.passes.plans import assert_as_declared

ROTATE: Json = {"type": "rotate", "degrees": 20}
RESIZE: Json = {"type": "resize", "width": 870}
CROP: Json = {"type": "crop", "width": 5, "height": 5, "fit": False}


def expanded(image: Pixels, *steps: Json) -> tuple[Plan, Source]:
    """Expand as for a JPEG, to be saved as PNG so that pixels can be compared."""
    source = Source.from_bytes(encoded(image))
    plan = expand(job(*steps, destination="o.jpg"), read_facts(source))
    return Plan(plan.facts, plan.nodes, Save(Format.PNG, 100)), source


def test_what_is_turned_on_white() -> None:
    plan, _ = expanded(noise(900, 600), ROTATE)
    made = flatten_early(plan)
    (turned,) = made.nodes[3:]
    assert isinstance(turned, Rotate)
    assert turned.fill == WHITE
    assert flatten_early(made) is made


def test_what_is_flattened_undivided() -> None:
    for step in (RESIZE, ROTATE):
        plan, _ = expanded(noise(900, 600, 4), step)
        made = flatten_early(plan)
        assert made.nodes[-1] == Flatten(premultiplied=True)
        assert isinstance(made.nodes[-2], Resample | Rotate)
        assert made.frame == plan.frame


def test_what_stays() -> None:
    small, _ = expanded(noise(60, 40), ROTATE)
    assert flatten_early(small) is small
    for steps in ([], [CROP], [RESIZE, CROP]):
        plan, _ = expanded(noise(900, 600, 4), *steps)
        made = flatten_early(plan)
        assert made is plan
    assert isinstance(plan.nodes[-3], Unpremultiply)
    assert isinstance(plan.nodes[-2], Crop)


@pytest.mark.parametrize(
    ("step", "image"),
    [
        (ROTATE, noise(900, 600)),
        (ROTATE, noise(900, 600, 4)),
        (ROTATE, smooth(910, 590)),
        (ROTATE, np.zeros((600, 900, 3), np.uint8)),
        (RESIZE, noise(900, 600, 4)),
        (RESIZE, np.dstack([smooth(910, 620), noise(910, 620)[:, :, :1]])),
    ],
)
def test_the_difference_is_as_declared(step: Json, image: Pixels) -> None:
    assert_as_declared(flatten_early, *expanded(image, step))
