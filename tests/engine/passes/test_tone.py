"""tone: grey tones by look-up, where a level more or less cannot be seen."""

import numpy as np
import pytest
from msgspec.structs import replace

from engine import Source, read_facts
from engine.expand import expand
from engine.ir import IDENTITY, Luma, Node, Resample, Table, Tint, Toned
from engine.ir.curves import add, threshold
from engine.passes.tone import tone
from tests.engine.images import Json, Pixels, encoded, executed, job, noise
from tests.engine.passes.plans import RGB, assert_as_declared, plan_of

LARGE = replace(RGB, width=1000, height=700)
SAME = (IDENTITY,) * 3
WARM = (add(90), add(60), add(40))
LIGHTER = (add(10),) * 3


def cube() -> Pixels:
    """Every third value of each colour with every one of the others."""
    values = np.arange(0, 256, 3)
    return np.stack(np.meshgrid(values, values, values), -1).reshape(-1, 86, 3).astype(np.uint8)


@pytest.mark.parametrize(
    ("nodes", "toned"),
    [
        ((Luma(), Tint(WARM)), (Toned(SAME, WARM),)),
        ((Table(LIGHTER), Luma(), Tint(WARM)), (Toned(LIGHTER, WARM),)),
        (
            (Table(LIGHTER), Resample(900, 900), Luma(), Tint(WARM)),
            (Table(LIGHTER), Resample(900, 900), Toned(SAME, WARM)),
        ),
    ],
)
def test_what_is_toned(nodes: tuple[Node, ...], toned: tuple[Node, ...]) -> None:
    made = tone(plan_of(*nodes, facts=LARGE))
    assert made.nodes == plan_of(*toned, facts=LARGE).nodes
    assert tone(made) is made


def test_steep_tints_stay_exact() -> None:
    plan = plan_of(Luma(), Tint((threshold(128),) * 3), facts=LARGE)
    assert tone(plan) is plan


@pytest.mark.parametrize(
    "steps",
    [
        [{"type": "filter", "filter": "sepia"}],
        [{"type": "filter", "filter": "grayscale"}, {"type": "contrast", "level": 40}],
        [{"type": "contrast", "level": 100}, {"type": "filter", "filter": "sepia"}],
    ],
)
@pytest.mark.parametrize("image", [cube(), noise(900, 600), noise(900, 600, 4)])
def test_the_difference_is_as_declared(steps: list[Json], image: Pixels) -> None:
    source = Source.from_bytes(encoded(image))
    plain = expand(job(*steps), read_facts(source))
    assert_as_declared(tone, plain, source)


def test_small_images_stay_exact() -> None:
    plan = plan_of(Luma(), Tint(WARM))
    assert tone(plan) is plan


def test_greys_stay_what_they_are() -> None:
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    plan = plan_of(Toned(SAME, SAME))
    source = Source.from_bytes(encoded(greys))
    assert np.array_equal(executed(plan, source), greys)
