"""Sizes are reached through larger ones that have ample pixels."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.batch.resize_chain import ladder
from engine.geometry import Size

TOP = Size(4000, 3000)
SIZES = st.builds(Size, st.integers(1, 5000), st.integers(1, 5000))


def test_each_goal_comes_from_the_smallest_that_serves() -> None:
    large, middle, small, tiny = Size(2000, 1500), Size(1000, 750), Size(801, 600), Size(100, 75)
    assert ladder(TOP, [tiny, small, middle, large]) == {
        large: (),
        middle: (large,),
        small: (large,),  # 1000 are not 5/4 of 801
        tiny: (large, small),
    }


def test_both_sides_have_to_be_ample() -> None:
    wide, high = Size(3000, 100), Size(200, 110)
    assert ladder(TOP, [wide, high]) == {wide: (), high: ()}


def test_a_small_picture_is_no_step() -> None:
    middle, small, tiny = Size(100, 75), Size(64, 48), Size(40, 30)
    assert ladder(TOP, [middle, small, tiny]) == {middle: (), small: (middle,), tiny: (middle,)}


def test_what_is_enlarged_serves_nobody() -> None:
    enlarged, goal = Size(5000, 2000), Size(500, 200)
    assert ladder(TOP, [enlarged, goal])[goal] == ()


def test_sizes_of_as_many_pixels_are_told_apart() -> None:
    goals = [Size(100, 200), Size(200, 100), Size(70, 70)]
    assert ladder(TOP, goals) == ladder(TOP, goals[::-1])


@given(st.lists(SIZES, max_size=8))
def test_every_way_leads_down_and_starts_at_the_top(goals: list[Size]) -> None:
    ways = ladder(TOP, goals)
    assert ways.keys() == set(goals)
    for goal, way in ways.items():
        stairs = [*way, goal]
        assert set(way) <= set(goals)
        for above, below in pairwise(stairs):
            assert 4 * above.width >= 5 * below.width
            assert 4 * above.height >= 5 * below.height
        if way:
            assert ways[way[-1]] == way[:-1]
