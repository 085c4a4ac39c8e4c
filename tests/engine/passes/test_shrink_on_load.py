"""shrink_on_load: a JPEG is decoded no larger than its first scaling needs."""

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from engine import Source, read_facts
from engine.expand import expand
from engine.geometry import Box
from engine.ir import Blur, Crop, Decode, Enhance, Node, Resample, source_frame
from engine.passes.drop_noops import drop_noops
from engine.passes.shrink_on_load import shrink_on_load
from engine.sources import SourceFormat
from engine.vips import load
from tests.engine.images import PHOTOS, Json, distance, encoded, executed, job, noise
from tests.engine.passes.plans import RGB, assert_as_declared, plan_of

PHOTO = replace(RGB, format=SourceFormat.JPEG, width=4000, height=3000)


@pytest.mark.parametrize(
    ("nodes", "scale"),
    [
        ((Resample(1600, 1200),), 2),
        ((Resample(1601, 1200),), 1),  # 2000 are not 5/4 of 1601
        ((Resample(800, 600),), 4),
        ((Resample(400, 300),), 8),
        ((Resample(40, 30),), 8),
        ((Resample(400, 1500),), 1),  # the narrower side does not decide
        ((Resample(800, 600), Blur(2, 7)), 4),
    ],
)
def test_how_far_it_goes(nodes: tuple[Node, ...], scale: int) -> None:
    made = shrink_on_load(plan_of(*nodes, facts=PHOTO))
    assert made.nodes[0] == Decode(scale)
    assert made.frame == plan_of(*nodes, facts=PHOTO).frame
    assert shrink_on_load(made) is made


def test_a_crop_that_is_aligned_is_taken_along() -> None:
    made = shrink_on_load(plan_of(Crop(Box(80, 160, 800, 400)), Resample(100, 50), facts=PHOTO))
    assert made.nodes[0] == Decode(4)
    assert made.nodes[2:] == (Crop(Box(20, 40, 200, 100)), Resample(100, 50))


@pytest.mark.parametrize(
    "nodes",
    [
        (),
        (Enhance(), Resample(400, 300)),  # it would see other pixels
        (Crop(Box(1, 0, 800, 600)), Resample(100, 75)),  # between two pixels of a reduced one
        (Resample(5000, 3750),),
    ],
)
def test_what_needs_every_pixel(nodes: tuple[Node, ...]) -> None:
    plan = plan_of(*nodes, facts=PHOTO)
    assert shrink_on_load(plan) is plan


def test_only_jpegs_and_only_large_ones() -> None:
    goal = Resample(40, 30)
    for facts in (replace(PHOTO, format=SourceFormat.PNG), replace(PHOTO, width=800, height=600)):
        plan = plan_of(goal, facts=facts)
        assert shrink_on_load(plan) is plan


def test_sides_that_do_not_divide_are_not_shifted() -> None:
    """4007 pixels at 1/8 become 500, which stand for 4000."""
    plan = plan_of(Resample(400, 300), facts=replace(PHOTO, width=4007))
    assert shrink_on_load(plan).nodes[0] == Decode(1)
    plan = plan_of(Resample(30, 20), facts=replace(PHOTO, width=4007))
    assert shrink_on_load(plan).nodes[0] == Decode(8)


@pytest.mark.parametrize("shrink", [1, 2, 4, 8])
@pytest.mark.parametrize("height", [96, 97, 100, 102, 103])
def test_a_reduced_image_is_as_large_as_planned(shrink: int, height: int) -> None:
    source = Source.from_bytes(encoded(noise(160, height), "JPEG"))
    made = load(source, SourceFormat.JPEG, shrink)
    given = source_frame(read_facts(source))
    assert Decode(shrink).frame(given).size == (made.width, made.height)


@pytest.mark.parametrize(("size", "wanted"), [((935, 1055), 40), ((1352, 903), 131)])
def test_odd_sides_are_shown_where_they_are(size: tuple[int, int], wanted: int) -> None:
    photo = Image.open(PHOTOS / "astronaut.png").convert("RGB").resize(size)
    source = Source.from_bytes(encoded(np.asarray(photo), "JPEG", quality=90))
    plain = drop_noops(expand(job({"type": "resize", "width": wanted}), read_facts(source)))
    made = (executed(plan, source) for plan in (plain, shrink_on_load(plain)))
    assert distance(*made)[1] >= 40


@pytest.mark.parametrize(
    "steps",
    [
        [{"type": "resize", "width": 640}],
        [{"type": "crop", "width": 300, "height": 300}],
        [{"type": "fitmethod", "fit_type": "letterbox", "width": 200, "height": 200}],
    ],
)
def test_the_difference_is_as_declared(steps: list[Json]) -> None:
    photo = Image.open(PHOTOS / "astronaut.png").convert("RGB").resize((1600, 1200))
    source = Source.from_bytes(encoded(np.asarray(photo), "JPEG", quality=90))
    plain = drop_noops(expand(job(*steps), read_facts(source)))
    assert_as_declared(shrink_on_load, plain, source)
