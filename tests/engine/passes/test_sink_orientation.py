"""sink_orientation: transforms move past crops and filters, and merge on the way."""

import pytest

from engine.geometry import Box
from engine.ir import (
    Blur,
    Canvas,
    Convolve,
    Crop,
    Enhance,
    Enlarge,
    Luma,
    Node,
    Orient,
    Overlay,
    Pixelate,
    Resample,
    Rotate,
    RoundCorners,
    Sharpen,
    TextLayer,
    Tint,
)
from engine.passes.sink_orientation import sink_orientation
from tests.engine.passes.plans import plan_of

RIGHT, LEFT, OVER, MIRROR = (
    Orient(quarters=1),
    Orient(quarters=3),
    Orient(quarters=2),
    Orient(mirror=True),
)
GREY = (Luma(), Tint((bytes(range(256)),) * 3))
TEXT = Overlay(TextLayer(("a",), ("Liberation Sans",), 9, (0, 0, 0, 255), 9, 9), 1, 1)
DIAGONAL = (3, 0, 0, 0, 0, 0, 0, 0, -3)
ROTATED_BACK = (0, 0, -3, 0, 0, 0, 3, 0, 0)  # a quarter turn to the right makes it DIAGONAL


@pytest.mark.parametrize(
    ("nodes", "sunk"),
    [
        ((RIGHT, LEFT), ()),
        ((RIGHT, *GREY, RIGHT), (*GREY, OVER)),
        ((MIRROR, OVER, RIGHT), (Orient(True, 3),)),
        ((MIRROR, Crop(Box(1, 2, 10, 5))), (Crop(Box(29, 2, 10, 5)), MIRROR)),
        ((RIGHT, Crop(Box(1, 2, 10, 5))), (Crop(Box(2, 19, 5, 10)), RIGHT)),
        ((RIGHT, Convolve(DIAGONAL)), (Convolve(ROTATED_BACK), RIGHT)),
        ((MIRROR, Enhance()), (Enhance(), MIRROR)),
        ((RIGHT, RoundCorners(9, 30, 40)), (RoundCorners(9, 40, 30), RIGHT)),
    ],
)
def test_what_turns_move_past(nodes: tuple[Node, ...], sunk: tuple[Node, ...]) -> None:
    made = sink_orientation(plan_of(*nodes))
    assert made.nodes == plan_of(*sunk).nodes
    assert made.frame == plan_of(*nodes).frame
    assert sink_orientation(made) is made


@pytest.mark.parametrize(
    "nodes",
    [
        (RIGHT, Resample(20, 15)),  # rows and columns round in a fixed order
        (MIRROR, Resample(20, 15)),  # and ties between two places to one side
        (MIRROR, Rotate(5, 43, 34)),
        (RIGHT, TEXT),
        (MIRROR, Canvas(50, 50, 1, 1, (0, 0, 0, 255))),
        (RIGHT, Blur(2, 7)),
        (Resample(20, 15), MIRROR),
        (MIRROR, RoundCorners(9, 40, 30, -1, 0)),  # whose corners are not alike
        (MIRROR, Sharpen(1, 4, 1)),  # sums round by their order
        (MIRROR, Pixelate(7)),
        (RIGHT, Enlarge(60, 80, Box(0, 0, 9, 9))),
    ],
)
def test_what_they_do_not(nodes: tuple[Node, ...]) -> None:
    plan = plan_of(*nodes)
    assert sink_orientation(plan) is plan
