"""Nodes are values, orientation transforms form a group, plans are readable."""

from itertools import product

import msgspec
import numpy as np
import pytest

from engine import Facts, plan
from engine.expand import Resolved, expand
from engine.geometry import Box
from engine.ir import Crop, Decode, Orient, Plan, Resample, Table, ToSrgb
from engine.sources import SourceFormat
from tests.engine.images import Json, decoded, encoded, job, make, noise

FACTS = Facts(format=SourceFormat.JPEG, width=400, height=300)
ORIENTS = [Orient(mirror, quarters) for mirror in (False, True) for quarters in range(4)]


def test_equal_jobs_have_equal_plans() -> None:
    steps: list[Json] = [
        {"type": "resize", "width": 100},
        {"type": "brightness", "bright_level": 5},
    ]
    one, other = (expand(job(*steps), FACTS) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    longer = expand(job(*steps, {"type": "flip", "direction": "x"}), FACTS)
    assert longer != one
    assert longer.nodes[: len(one.nodes)] == one.nodes


def test_nodes_of_different_types_differ() -> None:
    table = Table((bytes(256),) * 3)
    assert table != Table((bytes(256),))
    assert len({table, Table((bytes(256),) * 3), Orient(), Crop(Box(0, 0, 1, 1))}) == 3
    with pytest.raises(AttributeError):
        table.tables = ()  # type: ignore[misc]


def oriented(pixels: np.ndarray, orient: Orient) -> np.ndarray:
    mirrored = np.fliplr(pixels) if orient.mirror else pixels
    return np.rot90(mirrored, -orient.quarters)


def test_two_orients_are_one() -> None:
    pixels = noise(3, 2)
    for first, second in product(ORIENTS, ORIENTS):
        expected = oriented(oriented(pixels, first), second)
        assert np.array_equal(oriented(pixels, first.followed_by(second)), expected), first


def test_every_orientation_has_its_own_transform() -> None:
    assert {Orient.of_orientation(number) for number in range(1, 9)} == set(ORIENTS)


def test_frames_follow_the_nodes() -> None:
    steps: list[Json] = [
        {"type": "resize", "width": 200},
        {"type": "rotate", "degrees": 90},
        {"type": "filter", "filter": "sepia"},
        {"type": "rotate", "degrees": 45},
    ]
    made = expand(job(*steps), FACTS)
    seen = [str(frame) for frame in made.frames]
    assert seen[-7:] == [
        "400×300 RGB", "200×150 RGB", "150×200 RGB", "150×200 grey", "150×200 RGB",
        "247×247 RGBA*", "247×247 RGBA",
    ]  # fmt: skip
    assert made.frame == made.frames[-1]


def test_a_plan_with_ulb_ends_where_it_needs_pixels() -> None:
    steps: list[Json] = [{"type": "resize", "width": 200}, {"type": "ulb"}, {"type": "ulb"}]
    first = expand(job(*steps), FACTS)
    assert (first.needs_pixels, first.frame.size) == (1, (200, 150))
    second = expand(job(*steps), FACTS, resolved=Resolved(measured={1: Box(0, 20, 200, 100)}))
    assert (second.needs_pixels, second.frame.size) == (2, (200, 100))
    assert second.nodes[: len(first.nodes)] == first.nodes
    both = {1: Box(0, 20, 200, 100), 2: Box(0, 0, 200, 100)}
    assert expand(job(*steps), FACTS, resolved=Resolved(measured=both)).needs_pixels is None


def test_decoding_small_rounds_down() -> None:
    assert Decode(8).frame(Plan(FACTS, (), expand(job(), FACTS).save).frame).size == (50, 37)


def test_a_plan_can_be_read() -> None:
    steps: list[Json] = [{"type": "resize", "width": 200}, {"type": "flip", "direction": "y"}]
    assert str(plan(job(*steps, destination="out.jpg"), FACTS)).splitlines() == [
        "    source        jpeg 400×300 RGB, 8 bit",
        "  0 decode                         400×300  RGB    pointwise, sequential",
        "  1 tosrgb                         400×300  RGB    pointwise, sequential",
        "  2 resample      to 200×150       200×150  RGB    geometric, sequential",
        "  3 orient        mirror 180°      200×150  RGB    geometric, random",
        "    save          jpeg quality 70",
    ]


def test_a_plan_is_data() -> None:
    nodes = msgspec.json.decode(msgspec.json.encode((Resample(2, 3), ToSrgb())))
    assert nodes == [
        {"node": "resample", "width": 2, "height": 3},
        {"node": "tosrgb", "profile": False},
    ]


def test_rotations_turn_clockwise() -> None:
    pixels = noise(7, 4)
    for degrees, turns in ((90, -1), (180, 2), (270, 1)):
        made = decoded(make(encoded(pixels), {"type": "rotate", "degrees": degrees}).data)
        assert np.array_equal(made, np.rot90(pixels, turns))
