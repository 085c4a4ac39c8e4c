"""sink_past_scaling: a photograph stored on its side is scaled down before it is oriented."""

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from engine import Source, read_facts
from engine.expand import expand
from engine.geometry import Box
from engine.ir import Blur, Crop, Node, Orient, Premultiply, Resample, Rotate, Unpremultiply
from engine.passes.sink_past_scaling import sink_past_scaling
from tests.engine.images import (
    PHOTOS,
    Json,
    Pixels,
    encoded,
    job,
    noise,
)
from tests.engine.passes.plans import RGB, assert_as_declared, plan_of

LARGE = replace(RGB, width=1000, height=700)
ALPHA = (Premultiply(), Resample(15, 21), Unpremultiply())
RIGHT, OVER, ASLANT = Orient(quarters=1), Orient(quarters=2), Orient(True, 1)


@pytest.mark.parametrize(
    ("nodes", "sunk"),
    [
        ((RIGHT, Resample(15, 21)), (Resample(21, 15), RIGHT)),
        ((OVER, Resample(20, 15)), (Resample(20, 15), OVER)),
        ((ASLANT, Resample(15, 21), RIGHT), (Resample(21, 15), Orient(True, 2))),
        ((RIGHT, Blur(2, 7)), (Blur(2, 7), RIGHT)),
        (
            (RIGHT, Resample(15, 21), Crop(Box(1, 2, 3, 4))),
            (Resample(21, 15), Crop(Box(2, 11, 4, 3)), RIGHT),
        ),
    ],
)
def test_what_quarters_move_past(nodes: tuple[Node, ...], sunk: tuple[Node, ...]) -> None:
    made = sink_past_scaling(plan_of(*nodes, facts=LARGE))
    assert made.nodes == plan_of(*sunk, facts=LARGE).nodes
    assert made.frame == plan_of(*nodes, facts=LARGE).frame
    assert sink_past_scaling(made) is made


def test_quarter_turns_stay_before_the_scaling_of_alpha() -> None:
    """Which direction is scaled first tells where edges are hard, as in cut-outs."""
    clear = plan_of(RIGHT, *ALPHA, facts=replace(LARGE, alpha=True))
    assert sink_past_scaling(clear).nodes[-2:] == ALPHA[1:]
    over = plan_of(OVER, *ALPHA, facts=replace(LARGE, alpha=True))
    assert sink_past_scaling(over).nodes[-1] == OVER


@pytest.mark.parametrize("after", [Resample(1400, 2000), Resample(15, 1001), Rotate(5, 33, 44)])
def test_what_they_do_not(after: Node) -> None:
    plan = plan_of(RIGHT, after, facts=LARGE)
    assert sink_past_scaling(plan) is plan


def test_small_images_stay_exact() -> None:
    plan = plan_of(RIGHT, Resample(15, 21))
    assert sink_past_scaling(plan) is plan


def photo() -> Pixels:
    return np.asarray(Image.open(PHOTOS / "astronaut.png").convert("RGB").resize((800, 700)))


def cut_out() -> Pixels:
    down, across = np.mgrid[0:700, 0:800]
    return np.dstack([photo(), (down // 29 + across // 37) % 2 * 255]).astype(np.uint8)


@pytest.mark.parametrize("image", [photo(), noise(1000, 500), noise(700, 720, 4), cut_out()])
@pytest.mark.parametrize(
    "steps",
    [
        [{"type": "rotate", "degrees": 90}, {"type": "resize", "width": 377}],
        [{"type": "rotate", "degrees": 270}, {"type": "resize", "width": 100, "height": 30}],
        [{"type": "flip", "direction": "x"}, {"type": "resize", "width": 211, "height": 99}],
        [{"type": "rotate", "degrees": 90}, {"type": "blur", "sigma": 2.5}],
    ],
)
def test_the_difference_is_as_declared(image: Pixels, steps: list[Json]) -> None:
    source = Source.from_bytes(encoded(image))
    plain = expand(job(*steps), read_facts(source))
    assert_as_declared(sink_past_scaling, plain, source)
