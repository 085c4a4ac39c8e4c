"""Sizes are reached through larger ones that have pixels enough."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.batch.resize_chain import resize_chains
from engine.geometry import Size

START = Size(4000, 3000)
SIZES = st.builds(Size, st.integers(1, 5000), st.integers(1, 5000))


def test_each_target_comes_from_the_smallest_that_serves() -> None:
    large, middle, small, tiny = Size(2000, 1500), Size(1000, 750), Size(801, 600), Size(100, 75)
    assert resize_chains(START, [tiny, small, middle, large]) == {
        large: (),
        middle: (large,),
        small: (large,),  # 1000 are not 5/4 of 801
        tiny: (large, small),
    }


def test_both_sides_need_pixels_enough() -> None:
    wide, high = Size(3000, 100), Size(200, 110)
    assert resize_chains(START, [wide, high]) == {wide: (), high: ()}


def test_a_small_image_is_no_step() -> None:
    middle, small, tiny = Size(100, 75), Size(64, 48), Size(40, 30)
    assert resize_chains(START, [middle, small, tiny]) == {
        middle: (),
        small: (middle,),
        tiny: (middle,),
    }


def test_what_is_enlarged_serves_nobody() -> None:
    enlarged, target = Size(5000, 2000), Size(500, 200)
    assert resize_chains(START, [enlarged, target])[target] == ()


def test_sizes_of_as_many_pixels_are_distinguished() -> None:
    targets = [Size(100, 200), Size(200, 100), Size(70, 70)]
    assert resize_chains(START, targets) == resize_chains(START, targets[::-1])


@given(st.lists(SIZES, max_size=8))
def test_every_chain_leads_down_from_the_start(targets: list[Size]) -> None:
    chains = resize_chains(START, targets)
    assert chains.keys() == set(targets)
    for target, chain in chains.items():
        sizes = [*chain, target]
        assert set(chain) <= set(targets)
        for above, below in pairwise(sizes):
            assert 4 * above.width >= 5 * below.width
            assert 4 * above.height >= 5 * below.height
        if chain:
            assert chains[chain[-1]] == chain[:-1]
