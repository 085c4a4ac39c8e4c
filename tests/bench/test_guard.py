"""The guard tells worse from better, and counts what the engine really does."""

import pytest

from bench import guard, workloads

KEPT = {
    "W1": {"decode_passes": 1, "pixels_decoded": 100, "vips_operations": 9, "peak_memory": 1000}
}


def found(**changed: int) -> dict[str, guard.Counts]:
    return {"W1": KEPT["W1"] | changed}


def test_the_same_is_neither() -> None:
    assert guard.differences(KEPT, found()) == ([], [])


@pytest.mark.parametrize("key", ["decode_passes", "pixels_decoded", "vips_operations"])
def test_one_more_is_worse_and_says_by_how_much(key: str) -> None:
    before = KEPT["W1"][key]
    worse, better = guard.differences(KEPT, found(**{key: before + 1}))
    assert worse == [f"W1: {before + 1} {guard.UNITS[key]}, +1 to {before}"]
    assert not better


def test_one_less_is_better() -> None:
    worse, better = guard.differences(KEPT, found(vips_operations=8))
    assert (worse, better) == ([], ["W1: 8 libvips operations, -1 to 9"])


def test_memory_may_move_a_little() -> None:
    assert guard.differences(KEPT, found(peak_memory=1030)) == ([], [])
    assert guard.differences(KEPT, found(peak_memory=1031))[0]
    assert guard.differences(KEPT, found(peak_memory=969))[1]


def test_a_workload_that_is_not_kept_yet_is_worse() -> None:
    worse, _ = guard.differences({}, found())
    assert len(worse) == 4


def test_every_workload_is_guarded() -> None:
    assert guard.baseline().keys() == workloads.load().keys()
