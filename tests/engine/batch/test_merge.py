"""Jobs that share make the same images as jobs that do not, with fewer decodes."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import EngineLimits, Output, Source, Stats, read_facts, render
from engine.batch import MergedPlan, merge_plans
from engine.errors import SourceCorrupt
from engine.execute import Result, plan
from engine.execute.executor import Executor
from engine.expand import expand
from engine.explain import explain
from engine.explain.tree import tree_lines, tree_of
from engine.ir import Frame
from engine.lower import LoweringContext
from engine.schema import Job
from engine.sources import Facts, SourceFormat
from tests.engine.images import (
    PHOTOS,
    Json,
    Pixels,
    decoded,
    distance,
    encoded,
    jobs,
    noise,
)
from tests.engine.strategies import NEIGHBOURS, images, transformations

PHOTO = Facts(format=SourceFormat.JPEG, width=4000, height=3000)
MARK = Source.from_bytes(encoded(noise(23, 9, 4)))
BUDGET = EngineLimits().max_held_bytes


def widths(*sides: int) -> list[list[Json]]:
    return [[{"type": "resize", "width": side}] for side in sides]


def merged(
    *lists: list[Json], facts: Facts = PHOTO, budget: int = BUDGET
) -> tuple[MergedPlan, ...]:
    plans = {index: plan(each, facts) for index, each in enumerate(jobs(*lists))}
    return merge_plans(plans, budget)


def drawn(*trees: MergedPlan) -> list[str]:
    lines = [line for tree in trees for line in tree_lines(tree_of(tree))]
    return [line.replace(" png quality 100", "") for line in lines]


LISTS = transformations(longest=3) | transformations(*NEIGHBOURS, longest=2)


@given(
    image=images(),
    beginning=transformations(longest=2),
    endings=st.lists(LISTS, min_size=1, max_size=4),
    mode=st.sampled_from(["exact", "balanced"]),
)
def test_a_batch_makes_what_its_jobs_make_alone(
    image: Pixels, beginning: list[Json], endings: list[list[Json]], mode: str
) -> None:
    source = Source.from_bytes(encoded(image))
    batch = jobs(*([*beginning, *ending] for ending in endings), mode=mode)
    together = list(render(source, batch, inputs={"mark": MARK}))
    assert [index for index, _ in together] == list(range(len(batch)))
    for index, result in together:
        ((_, alone),) = render(source, [batch[index]], inputs={"mark": MARK})
        assert type(result) is type(alone)
        assert str(result) == str(alone)


@lru_cache
def camera() -> tuple[bytes, Pixels]:
    """A photograph of 3 MP with a camera's grain and softness, as a JPEG."""
    photo = Image.open(PHOTOS / "astronaut.png").convert("RGB").resize((2000, 1504), 3)
    grain = np.random.default_rng(0).normal(0, 4, (1504, 2000, 1))
    grainy = np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8)
    data = encoded(grainy, "JPEG", quality=90)
    return data, decoded(data)


def made(source: bytes, batch: tuple[Job, ...]) -> tuple[list[Pixels], Stats]:
    stats = Stats()
    results = render(Source.from_bytes(source), batch, stats=stats)
    outputs = [result for _, result in results if isinstance(result, Output)]
    assert len(outputs) == len(batch)
    return [decoded(output.data) for output in outputs], stats


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_many_sizes_of_a_photo_are_the_same_to_the_eye(kind: str) -> None:
    jpeg, pixels = camera()
    data = jpeg if kind == "JPEG" else encoded(pixels)
    lists = widths(1100, 800, 640, 320, 150, 60)
    quick, stats = made(data, jobs(*lists))
    exact, slow = made(data, jobs(*lists, mode="exact"))
    assert (stats.decode_passes, slow.decode_passes) == (1, 1)
    for one, other in zip(quick, exact, strict=True):
        assert distance(one, other)[1] >= 40


def test_many_small_steps_do_not_add_up() -> None:
    """From 1600 pixels to 2 by 4/5 each, 28 sizes, each made from others where it can be."""
    lists = widths(*(round(1600 * 0.8**step) for step in range(29)))
    data, _ = camera()
    quick, exact = (made(data, jobs(*lists, mode=mode))[0] for mode in ("balanced", "exact"))
    for fast, plain in zip(quick, exact, strict=True):
        assert distance(fast, plain)[1] >= (40 if fast.size > 3 * 4 * 5 else 35)


def test_a_batch_made_in_parts_is_the_same_byte_for_byte() -> None:
    """As after a crash, when some of its results are there already."""
    source = Source.from_bytes(camera()[0])
    ulb: Json = {"type": "ulb"}
    lists = [*widths(1100, 800, 640), [ulb, *widths(500)[0]], [ulb, *widths(300)[0]]]
    batch = jobs(*lists)
    whole = outputs(render(source, batch))
    for part in ([1], [2, 4], [0, 3]):
        assert outputs(render(source, batch, wanted=part)) == {i: whole[i] for i in part}
    ((_, alone),) = outputs(render(source, [batch[2]])).items()
    assert alone != whole[2]  # or there would be nothing to see


ULB: Json = {"type": "ulb"}
BRIGHTER: Json = {"type": "brightness", "bright_level": 9}


@pytest.mark.parametrize(
    "lists",
    [
        [[ULB, *steps] for steps in widths(100, 90)] + [[BRIGHTER, ULB, *widths(100)[0]]],
        [
            [ULB, *widths(700)[0]],
            [ULB, *widths(500)[0], ULB],
            [ULB, *widths(300)[0], ULB, *widths(100)[0]],
        ],
    ],
)
def test_what_is_measured_for_others_makes_no_difference(lists: list[list[Json]]) -> None:
    """Jobs that measure other pixels decode at other scales; they may not be rendered too."""
    source = Source.from_bytes(camera()[0])
    batch = jobs(*lists)
    whole = outputs(render(source, batch))
    assert len(whole) == len(batch)
    for index in range(len(batch)):
        assert outputs(render(source, batch, wanted=[index])) == {index: whole[index]}


def test_a_job_that_measures_twice_is_done_to_its_end() -> None:
    batch = jobs(widths(9)[0], [ULB, ULB, *widths(7)[0]])
    results = render(Source.from_bytes(encoded(noise(20, 10))), batch)
    assert [made.width for _, made in results if isinstance(made, Output)] == [9, 7]


@pytest.mark.parametrize(
    ("lists", "budget"),
    [
        (widths(1500, 1501, 1100, 700), 9_000_000),
        ([*widths(1500, 1100, 700), [BRIGHTER, *widths(1500)[0]]], 6_000_000),
    ],
)
def test_the_order_of_jobs_makes_no_difference(lists: list[list[Json]], budget: int) -> None:
    source, limits = Source.from_bytes(camera()[0]), EngineLimits(max_held_bytes=budget)
    one, other = (
        list(outputs(render(source, jobs(*each), limits=limits)).values())
        for each in (lists, lists[::-1])
    )
    assert one == other[::-1]


def test_groups_of_jobs_divide_the_budget() -> None:
    """Each group materialises what is measured; together no more than one group may."""
    pairs = [[{"type": "brightness", "bright_level": level}, ULB] for level in (9, 8, 7)]
    lists = [[*pair, *steps] for steps in widths(1500, 1400) for pair in pairs]
    limits = EngineLimits(max_held_bytes=20_000_000)
    trees = explain(Source.from_bytes(camera()[0]), jobs(*lists), limits=limits).trees
    assert sum(tree.held_bytes for tree in trees) <= 20_000_000
    assert len(trees) == 6
    assert len(explain(Source.from_bytes(camera()[0]), jobs(*lists)).trees) == 3


def outputs(results: Iterable[Result]) -> dict[int, bytes]:
    return {index: made.data for index, made in results if isinstance(made, Output)}


def test_one_decode_serves_eight_sizes() -> None:
    trees = merged(*widths(2048, 1600, 1280, 1024, 800, 640, 320, 150))
    assert drawn(*trees) == [
        "decode → tosrgb → resample to 2048×1536  2048×1536 RGB, 9.4 MB materialised ⇒ job 0",
        "└─ resample to 1600×1200  1600×1200 RGB, 5.8 MB materialised ⇒ job 1",
        "   └─ resample to 1280×960  1280×960 RGB, 3.7 MB materialised ⇒ job 2",
        "      └─ resample to 1024×768  1024×768 RGB, 2.4 MB materialised ⇒ job 3",
        "         └─ resample to 800×600  800×600 RGB, 1.4 MB materialised ⇒ job 4",
        "            └─ resample to 640×480  640×480 RGB, 0.9 MB materialised ⇒ job 5",
        "               └─ resample to 320×240  320×240 RGB, 0.2 MB materialised ⇒ job 6",
        "                  └─ resample to 150×113  150×113 RGB ⇒ job 7",
    ]


def test_the_decode_is_as_small_as_the_largest_allows() -> None:
    assert drawn(*merged(*widths(800, 150))) == [
        "decode 1/4 → tosrgb → resample to 800×600  800×600 RGB, 1.4 MB materialised ⇒ job 0",
        "└─ resample to 150×113  150×113 RGB ⇒ job 1",
    ]


def test_one_job_streams() -> None:
    assert drawn(*merged(*widths(150))) == [
        "decode 1/8 → tosrgb → resample to 150×113  150×113 RGB ⇒ job 0"
    ]


def test_equal_jobs_are_one() -> None:
    (tree,) = merged(*widths(800, 800))
    assert set(tree.saves) == {0, 1}
    assert not tree.children


def test_exact_jobs_have_no_resize_chain() -> None:
    batch = jobs(*widths(800, 640, 320), mode="exact")
    plans = {index: plan(each, PHOTO) for index, each in enumerate(batch)}
    (tree,) = merge_plans(plans, BUDGET)
    assert not any(child.children for child in tree.children)
    assert len(tree.children) == 3


def test_what_does_not_fit_is_decoded_again() -> None:
    small = widths(800, 640)
    trees = merged(*widths(4000), *small, budget=10_000_000)
    assert [sorted(tree.jobs) for tree in trees] == [[0], [1, 2]]
    assert not trees[0].materialised
    assert trees[1].nodes[0].detail == "1/4"
    assert len(merged(*widths(4000), *small)) == 1
    assert [sorted(tree.jobs) for tree in merged(*small, budget=0)] == [[0], [1]]


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([*widths(1100, 700, 640), []], [2, 2, 2, 1]),
        (widths(1100, 800, 640, 500), [1, 2, 2, 1]),  # each is needed until the next is there
    ],
)
def test_pixels_are_released_with_their_last_reader(
    lists: list[list[Json]], expected: list[int]
) -> None:
    source = Source.from_bytes(camera()[0])
    facts = read_facts(source)
    plans = {index: plan(each, facts) for index, each in enumerate(jobs(*lists))}
    decodings: list[Frame] = []
    executor = Executor(
        merge_plans(plans, BUDGET), facts, LoweringContext(source), decodings.append
    )
    cached = []
    for index in plans:
        executor.image(index)
        cached.append(len(executor.cached))
        executor.finish(index)
    assert cached == expected
    assert (len(decodings), executor.cached) == (1, {})


def test_bars_are_measured_once_for_jobs_that_begin_alike() -> None:
    stats = Stats()
    lists: list[list[Json]] = [[{"type": "ulb"}, *steps] for steps in widths(8, 6, 4)]
    batch = jobs(widths(5)[0], *lists)
    list(render(Source.from_bytes(encoded(noise(20, 10))), batch, stats=stats))
    assert stats.decode_passes == 3  # the first job, the measuring, the other three


def test_a_damaged_source_is_tried_once() -> None:
    data = encoded(noise(200, 150))
    stats = Stats()
    results = render(Source.from_bytes(data[: len(data) // 2]), jobs(*widths(9, 8, 7)), stats=stats)
    assert all(isinstance(result, SourceCorrupt) for _, result in results)
    assert stats.decode_passes == 1


def test_a_job_that_fails_leaves_those_it_shares_with_alone() -> None:
    outside: Json = {"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 900}
    lists = [widths(9)[0], [*widths(9)[0], outside], widths(9)[0]]
    results = list(render(Source.from_bytes(encoded(noise(20, 10))), jobs(*lists)))
    assert [isinstance(result, Output) for _, result in results] == [True, False, True]


def test_every_plan_is_found_in_its_tree() -> None:
    lists = [widths(9)[0], [], [*widths(9)[0], {"type": "flip", "direction": "y"}]]
    plans = {index: expand(each, PHOTO) for index, each in enumerate(jobs(*lists))}
    (tree,) = merge_plans(plans, BUDGET)

    def nodes_to(part: MergedPlan, index: int) -> tuple[object, ...]:
        if index in part.saves:
            return part.nodes
        return part.nodes + next(
            nodes_to(each, index) for each in part.children if index in each.jobs
        )

    for index, each in plans.items():
        assert nodes_to(tree, index) == each.nodes
