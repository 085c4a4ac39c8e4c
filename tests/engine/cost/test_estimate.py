"""Predicted cost, and the jobs that are rejected because of it.

That the bytes are right is measured in `tests.engine.memory`.
"""

from itertools import product

import pytest
from msgspec.structs import replace

from engine import EngineLimits, Facts, Output, Source, Stats, read_facts, render
from engine.batch import merge_plans
from engine.cost import Cost, cost_of, cost_of_batch, materialisation_budget
from engine.cost.estimate import may_need, minimum_bytes
from engine.errors import NeedsTooMuchMemory
from engine.execute import plan
from engine.explain import explain
from engine.sources import SourceFormat
from tests.engine.images import Json, encoded, job, jobs, noise
from tests.engine.memory.spread import FORMATS
from tests.engine.uploads import DELAYS, animation

PHOTO = Facts(format=SourceFormat.JPEG, width=4000, height=3000)
STILL = encoded(noise(40, 30))
MOVING = animation("WEBP", [noise(24, 18, seed=seed) for seed in range(3)], DELAYS)
UPSIDE_DOWN: Json = {"type": "flip", "direction": "y"}
SMALL: Json = {"type": "resize", "width": 9, "height": 9}
TILTED: Json = {"type": "rotate", "degrees": 20}
ULB: Json = {"type": "ulb"}
WAYS: list[list[Json]] = [[], [TILTED, TILTED], [SMALL], [{"type": "resize", "width": "200%"}]]
MEGABYTES = 1_000_000


@pytest.mark.parametrize("image", [STILL, MOVING], ids=["still", "moving"])
@pytest.mark.parametrize("budget", [0, 2**20])
@pytest.mark.parametrize("ending", ["out.webp", "out.png"])
def test_decodes_and_pixels_are_those_that_are_counted(
    image: bytes, budget: int, ending: str
) -> None:
    source, stats, limits = Source.from_bytes(image), Stats(), EngineLimits(max_held_bytes=budget)
    batch = jobs([SMALL], [SMALL, UPSIDE_DOWN], [], [SMALL], destination=ending)
    cost = explain(source, batch, limits=limits).cost
    assert all(
        isinstance(made, Output) for _, made in render(source, batch, limits=limits, stats=stats)
    )
    counted = (stats.decode_passes, stats.pixels_decoded)
    assert (cost.decode_passes, cost.pixels_decoded) == counted


def test_a_look_for_bars_is_a_pass_of_its_own() -> None:
    source, stats = Source.from_bytes(STILL), Stats()
    batch = jobs([ULB, SMALL], [ULB], [SMALL])
    explained = explain(source, batch)
    list(render(source, batch, stats=stats))
    assert explained.cost.decode_passes == stats.decode_passes == 3
    assert [each.cost and each.cost.decode_passes for each in explained.jobs] == [2, 2, 1]


def test_pixels_are_those_that_every_node_makes() -> None:
    made = plan(job({"type": "crop", "width": 100, "height": 50, "fit": False}), PHOTO)
    assert [frame.size.pixels for frame in made.frames] == [12_000_000, 5_000, 5_000]
    assert cost_of(made).pixels_touched == 12_010_000


def test_a_tree_is_done_once_and_holds_what_is_read_again() -> None:
    plans = {i: plan(each, PHOTO) for i, each in enumerate(jobs([UPSIDE_DOWN], [UPSIDE_DOWN]))}
    alone = cost_of(plans[0])
    (tree,) = merge_plans(plans, 2**30)
    together = cost_of_batch(plans, [tree])
    assert (together.decode_passes, together.pixels_touched) == (1, alone.pixels_touched)
    assert alone.peak_bytes + 30 * MEGABYTES < together.peak_bytes < 3 * alone.peak_bytes
    separate = cost_of_batch(plans, merge_plans(plans, 0))
    assert (separate.decode_passes, separate.pixels_touched) == (2, 2 * alone.pixels_touched)


def test_images_that_were_looked_at_leave_gaps() -> None:
    """Measured: measuring 12 MP twice takes 79 MB, once 43."""
    measuring = [
        plan(each, PHOTO)
        for each in jobs(
            [{"type": "brightness", "bright_level": 5}, {"type": "ulb"}],
            [{"type": "brightness", "bright_level": 6}, {"type": "ulb"}],
        )
    ]
    one, two = (cost_of_batch({}, [], measuring[:count]).peak_bytes for count in (1, 2))
    assert one == cost_of(measuring[0]).peak_bytes
    assert one + 18 * MEGABYTES < two < 2 * one


def test_what_is_streamed_takes_no_more_as_height_grows() -> None:
    heights = (3000, 6000, 12_000)
    costs = [
        cost_of(
            plan(job(SMALL, mode="exact"), Facts(format=SourceFormat.PNG, width=400, height=high))
        )
        for high in heights
    ]
    assert len({cost.peak_bytes for cost in costs}) == 1


def test_a_long_profile_is_counted() -> None:
    """As often as PNG and AVIF copy it."""
    long = replace(PHOTO, profile=True, profile_bytes=8 * MEGABYTES)
    usual = replace(PHOTO, profile=True, profile_bytes=500)
    peaks = [cost_of(plan(job(SMALL), facts)).peak_bytes for facts in (usual, long)]
    assert peaks[1] - peaks[0] == 3 * (8 * MEGABYTES - 500)


def test_what_takes_too_much_is_refused_before_any_work() -> None:
    stats, source = Stats(), Source.from_bytes(STILL)
    batch = jobs([UPSIDE_DOWN], [], [ULB, UPSIDE_DOWN])
    certain = minimum_bytes(plan(batch[0], read_facts(source)))
    assert certain == 40 * 30 * 3
    limits = EngineLimits(max_memory_bytes=certain - 1)
    results = [made for _, made in render(source, batch, limits=limits, stats=stats)]
    message = (
        "40×30 to png takes too much memory: "
        "3,600 bytes at least, the limit is 3,599 (max_memory_bytes)"
    )
    assert isinstance(results[0], NeedsTooMuchMemory)
    assert (results[0].message, results[0].code) == (message, "too_much_memory")
    assert isinstance(results[1], Output)
    assert isinstance(results[2], NeedsTooMuchMemory)
    assert stats.decode_passes == 2  # of the second job, and of the third for its bars
    explained = explain(source, batch, limits=limits)
    assert [each.refusal and each.refusal.code for each in explained.jobs] == [
        "too_much_memory",
        None,
        "too_much_memory",
    ]
    enough = EngineLimits(max_memory_bytes=certain)
    assert all(isinstance(made, Output) for _, made in render(source, batch, limits=enough))


@pytest.mark.parametrize(
    ("steps", "ending", "facts", "allowed"),
    [
        ([], "out.jpg", {"format": SourceFormat.WEBP}, 140),
        ([], "out.avif", {}, 150),
        ([], "out.webp", {"format": SourceFormat.WEBP, "frames": 4}, 300),
        ([TILTED, TILTED], "out.jpg", {}, 80),
    ],
    ids=["decoder", "encoder", "animation", "two images"],
)
def test_what_is_certain_counts_coders_and_frames(
    steps: list[Json], ending: str, facts: dict[str, object], allowed: int
) -> None:
    about: dict[str, object] = {"format": SourceFormat.JPEG, "width": 4000, "height": 3000}
    source = Facts(**about | facts)  # type: ignore[arg-type]  # of each field's own type
    limits = EngineLimits(max_memory_bytes=allowed * MEGABYTES)
    with pytest.raises(NeedsTooMuchMemory):
        plan(job(*steps, destination=ending), source, limits)


@pytest.mark.parametrize("source", SourceFormat)
def test_the_estimate_is_never_below_the_count(source: SourceFormat) -> None:
    facts = Facts(format=source, width=700, height=500, alpha=True, depth=16, interlaced=True)
    for steps, (found, options) in product(WAYS, FORMATS.values()):
        made = plan(job(*steps, destination=f"out.{found}", **options), facts)
        assert may_need(made, minimum_bytes(made) - 1)


def test_what_is_shared_leaves_room_for_the_job_that_takes_most() -> None:
    batch = jobs([UPSIDE_DOWN], [{"type": "resize", "width": 3000}])
    plans = [plan(each, PHOTO) for each in batch]
    assert max(map(minimum_bytes, plans)) == 36 * MEGABYTES
    limits = EngineLimits(max_memory_bytes=40 * MEGABYTES)
    assert materialisation_budget(plans, limits) == 4 * MEGABYTES
    assert materialisation_budget(plans, EngineLimits(max_held_bytes=7)) == 7


def test_costs_add_up_but_for_the_peak() -> None:
    one, other = Cost(5, 10, 20, 1, 0.5), Cost(7, 1, 2, 2, 0.25)
    assert one.followed_by(other) == Cost(7, 11, 22, 3, 0.75)
    assert str(Cost(31_400_000, 9_800_000, 3_100_000, 1, 0.456)) == (
        "0.46 s of one core, at most 31 MB, 9.8 Mpx touched, 3.1 Mpx decoded in 1 pass"
    )
