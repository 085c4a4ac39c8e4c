"""Another decode is made only where it takes less time than materialising pixels."""

import pytest

from engine import EngineLimits, Facts, Output, Source, Stats, render
from engine.batch import merge_plans
from engine.batch.partition import partition
from engine.execute import plan
from engine.sources import SourceFormat
from tests.engine.images import Json, encoded, jobs, noise

PHOTO = Facts(format=SourceFormat.JPEG, width=4000, height=3000)
WEBP = Facts(format=SourceFormat.WEBP, width=4000, height=3000)
PROGRESSIVE = Facts(format=SourceFormat.JPEG, width=4000, height=3000, interlaced=True)
PNG = Facts(format=SourceFormat.PNG, width=4000, height=3000)


def window(gravity: str, side: int = 600) -> list[Json]:
    crop: Json = {"type": "crop", "width": side, "height": side, "fit": False}
    return [crop | {"gravity": gravity}]


def width(pixels: int) -> list[Json]:
    return [{"type": "resize", "width": pixels}]


TOP, MIDDLE, BOTTOM = (window(place) for place in ("northwest", "center", "southeast"))
GREYS: Json = {"type": "filter", "filter": "grayscale"}


@pytest.mark.parametrize(
    ("facts", "lists", "expected"),
    [
        (PHOTO, [TOP, width(150)], [[0], [1]]),
        (PHOTO, [TOP, width(1600)], [[0], [1]]),
        (PHOTO, [MIDDLE, width(150)], [[0], [1]]),
        (PHOTO, [MIDDLE, width(1600), width(320)], [[0, 1, 2]]),
        (PHOTO, [BOTTOM, width(150)], [[0, 1]]),
        (PHOTO, [width(3000), width(150)], [[0, 1]]),
        (PHOTO, [TOP, [*TOP, GREYS], width(150)], [[0, 1], [2]]),
        (PHOTO, [TOP, width(3500)], [[0, 1]]),
        (PNG, [TOP, width(150)], [[0, 1]]),
        (PNG, [TOP, window("north"), window("northeast")], [[0], [1], [2]]),
        (PNG, [TOP, [*TOP, GREYS]], [[0, 1]]),
        (WEBP, [TOP, window("north")], [[0, 1]]),
        (PROGRESSIVE, [TOP, width(150)], [[0, 1]]),
        (PHOTO, [TOP], [[0]]),
    ],
)
def test_the_cheaper_way_is_chosen(
    facts: Facts, lists: list[list[Json]], expected: list[list[int]]
) -> None:
    plans = {index: plan(job, facts) for index, job in enumerate(jobs(*lists))}
    separate, rest = partition(plans)
    assert [sorted(group) for group in (*separate, rest) if group] == expected
    assert sorted(sorted(tree.jobs) for tree in merge_plans(plans, 2**30)) == expected


def test_what_is_partitioned_is_decoded_separately() -> None:
    stats = Stats()
    source = Source.from_bytes(encoded(noise(60, 200)))
    batch = jobs(*(window(place, 20) for place in ("north", "northwest", "northeast")))
    results = list(render(source, batch, limits=EngineLimits(), stats=stats))
    assert all(isinstance(made, Output) for _, made in results)
    assert stats.decode_passes == 3
