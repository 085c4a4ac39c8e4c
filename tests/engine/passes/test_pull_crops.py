"""pull_crops: discarded pixels are not computed."""

import pytest

from engine.geometry import Box
from engine.ir import (
    Blur,
    Canvas,
    Crop,
    Decode,
    Enhance,
    Enlarge,
    Luma,
    Matrix,
    Node,
    Overlay,
    Pixelate,
    Plan,
    Resample,
    Rotate,
    RoundCorners,
    Sharpen,
    TextLayer,
    Tint,
    ToSrgb,
)
from engine.passes.pull_crops import pull_crops
from tests.engine.passes.plans import plan_of

GREY = (Luma(), Tint((bytes(range(256)),) * 3))
LETTERS = TextLayer(("a",), ("Liberation Sans",), 9, (0, 0, 0, 255), 9, 9)
BLACK, CLEAR = (0, 0, 0, 255), (0, 0, 0, 0)
MIX = Matrix(((0, 1, 0), (1, 0, 0), (0, 0, 1)))
SMALL = Crop(Box(12, 10, 6, 5))


def after_decode(plan: Plan) -> tuple[Node, ...]:
    return tuple(node for node in plan.nodes if not isinstance(node, Decode | ToSrgb))


@pytest.mark.parametrize(
    ("nodes", "pulled"),
    [
        ((*GREY, SMALL), (SMALL, *GREY)),
        ((SMALL, Crop(Box(1, 2, 3, 3))), (Crop(Box(13, 12, 3, 3)),)),
        ((Overlay(LETTERS, 2, 3), SMALL), (SMALL, Overlay(LETTERS, -10, -7))),
        ((Enhance(), SMALL), (Crop(Box(10, 8, 10, 9)), Enhance(), Crop(Box(2, 2, 6, 5)))),
        (
            (Enhance(), Crop(Box(0, 0, 6, 5))),
            (Crop(Box(0, 0, 8, 7)), Enhance(), Crop(Box(0, 0, 6, 5))),
        ),
        ((MIX, SMALL), (SMALL, MIX)),
        (
            (RoundCorners(9, 40, 30), SMALL),
            (SMALL, RoundCorners(9, 40, 30, -12, -10)),
        ),
        (
            (Sharpen(0.5, 2, 1), SMALL),
            (Crop(Box(10, 8, 10, 9)), Sharpen(0.5, 2, 1), Crop(Box(2, 2, 6, 5))),
        ),
        (
            (Pixelate(5), SMALL),  # whole blocks from the top left
            (Crop(Box(10, 10, 10, 5)), Pixelate(5), Crop(Box(2, 0, 6, 5))),
        ),
        ((Pixelate(5), Crop(Box(35, 25, 5, 5))), (Crop(Box(35, 25, 5, 5)), Pixelate(5))),
        ((Canvas(60, 50, 10, 10, BLACK), Crop(Box(15, 20, 9, 9))), (Crop(Box(5, 10, 9, 9)),)),
        (
            (Canvas(60, 50, 10, 10, BLACK), Crop(Box(0, 0, 20, 30))),
            (Crop(Box(0, 0, 10, 20)), Canvas(20, 30, 10, 10, BLACK)),
        ),
        (
            (Canvas(60, 50, 10, 10, CLEAR), Crop(Box(15, 20, 9, 9))),
            (Crop(Box(5, 10, 9, 9)), Canvas(9, 9, 0, 0, CLEAR)),
        ),
    ],
)
def test_what_crops_move_past(nodes: tuple[Node, ...], pulled: tuple[Node, ...]) -> None:
    plan = plan_of(*nodes)
    made = pull_crops(plan)
    assert after_decode(made) == pulled
    assert made.nodes[:2] == (Decode(), pulled[0])
    assert made.frame == plan.frame
    assert pull_crops(made) is made


@pytest.mark.parametrize(
    "nodes",
    [
        (Resample(30, 30), SMALL),
        (Rotate(5, 43, 34), SMALL),
        (Blur(9, 32), SMALL),  # needs all of it
        (Pixelate(40), SMALL),  # its block is all there is
        (Enlarge(80, 60, Box(0, 0, 30, 30)), SMALL),
        (Canvas(90, 80, 40, 40, BLACK), SMALL),  # nothing but canvas
    ],
)
def test_what_they_do_not(nodes: tuple[Node, ...]) -> None:
    plan = plan_of(*nodes)
    assert pull_crops(plan) is plan
