"""Jobs in threads: byte for byte what one thread makes, in the same order."""

from threading import Barrier, Event, Timer
from typing import Any

import numpy as np
import pytest

from engine import DarkroomError, EngineLimits, Output, Source, Stats, render
from engine.cost import threads_within
from engine.execute.planning import plan_batch
from engine.execute.side_by_side import side_by_side
from engine.expand import Resolved
from engine.ir import Plan
from engine.vips import read_facts
from tests.engine.images import Json, encoded, jobs, noise, smooth


def photo(width: int, height: int) -> bytes:
    return encoded(np.clip(smooth(width, height) + noise(width, height) // 16, 0, 255), "JPEG")


LARGE, SMALL = photo(2000, 1600), photo(800, 640)
MARK = Source.from_bytes(encoded(noise(60, 40, 4)))
LISTS: list[list[Json]] = [
    [{"type": "resize", "width": 1500}],
    [{"type": "resize", "width": 1100}, {"type": "watermark", "source": "mark"}],
    [{"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 9000}],
    [{"type": "ulb"}, {"type": "resize", "width": 700}],
    [{"type": "resize", "width": 800}, {"type": "blur", "sigma": 3}],
    [{"type": "ulb"}, {"type": "resize", "width": 300}],
    [{"type": "rotate", "degrees": 12}],
    [{"type": "resize", "width": 400}, {"type": "filter", "filter": "sepia"}],
]


def rendered(data: bytes, threads: int, **options: Any) -> list[tuple[int, object]]:
    batch = jobs(*LISTS, destination="o.jpg", **options)
    results = render(Source.from_bytes(data), batch, inputs={"mark": MARK}, threads=threads)
    return [
        (index, made.data if isinstance(made, Output) else (made.code, made.message))
        for index, made in results
    ]


@pytest.mark.parametrize("mode", ["balanced", "exact"])
def test_threads_make_no_difference(mode: str) -> None:
    one = rendered(LARGE, 1, mode=mode)
    assert [index for index, _ in one] == list(range(len(LISTS)))
    for threads in (2, 5):
        assert rendered(LARGE, threads, mode=mode) == one


@pytest.mark.parametrize("damaged", ["refuse", "accept"])
@pytest.mark.parametrize(
    "data",
    [SMALL[:200], SMALL[: len(SMALL) // 2], SMALL[: len(SMALL) // 2] + SMALL[-2:]],
    ids=["header", "cut", "ends early"],
)
def test_a_damaged_source_is_reported_alike(data: bytes, damaged: str) -> None:
    assert rendered(data, 3, damaged=damaged) == rendered(data, 1, damaged=damaged)


def test_what_is_counted_is_the_same() -> None:
    counted = []
    for threads in (1, 3):
        stats = Stats()
        batch = jobs(*LISTS, destination="o.jpg")
        source = Source.from_bytes(LARGE)
        list(render(source, batch, inputs={"mark": MARK}, stats=stats, threads=threads))
        counted.append((stats.decode_passes, stats.pixels_decoded, stats.vips_operations))
    assert counted[0][:2] == counted[1][:2]
    assert counted[0][2] == pytest.approx(counted[1][2], abs=60)  # layers that two prepare


def test_a_part_of_a_batch() -> None:
    batch, source = jobs(*LISTS, destination="o.jpg"), Source.from_bytes(LARGE)
    inputs = {"mark": MARK}
    (index, made), *_ = render(source, batch, inputs=inputs, wanted=[7, 4], threads=2)
    whole = dict(render(source, batch, inputs=inputs))
    assert (index, made) == (4, whole[4])


def threads_for(limits: EngineLimits, data: bytes = LARGE) -> int:
    facts = read_facts(Source.from_bytes(data))
    batch = plan_batch(jobs(*LISTS[:2], *LISTS[4:5]), facts, limits, Resolved({"mark": facts}))
    plans = [each for each in batch.jobs if isinstance(each, Plan)]
    return threads_within(plans, batch.merged, limits, 4)


def test_no_more_threads_than_memory_and_work() -> None:
    assert threads_for(EngineLimits()) == 3
    assert threads_for(EngineLimits(max_memory_bytes=120_000_000, max_held_bytes=2**26)) == 2
    assert threads_for(EngineLimits(max_memory_bytes=40_000_000, max_held_bytes=2**24)) == 1
    assert threads_for(EngineLimits(), encoded(noise(300, 200))) == 1


def test_they_work_at_the_same_time() -> None:
    both = Barrier(2, timeout=60)

    def work(item: int) -> int:
        both.wait()
        return item

    done = side_by_side(work, [3, 1, 2, 0], 2, lambda made: False, lambda: None)
    assert list(done) == [3, 1, 2, 0]


def test_a_long_job_keeps_no_thread_from_working() -> None:
    rest_done, left = Event(), [1, 2, 3, 4, 5]

    def work(item: int) -> int:
        if item == 0:
            assert rest_done.wait(60)
            return item
        left.remove(item)
        if not left:
            rest_done.set()
        return item

    done = side_by_side(work, range(6), 2, lambda made: False, lambda: None)
    assert list(done) == [0, 1, 2, 3, 4, 5]


def test_what_is_not_awaited_is_not_begun() -> None:
    begun, go = list[int](), Event()

    def work(item: int) -> int:
        begun.append(item)
        assert item == 0 or go.wait(60)
        return item

    results = side_by_side(work, range(9), 2, lambda made: False, lambda: None)
    assert next(results) == 0
    Timer(0.05, go.set).start()
    results.close()
    assert len(begun) <= 4


def test_a_batch_that_was_predicted_is_not_predicted_again() -> None:
    facts = read_facts(Source.from_bytes(LARGE))
    limits, resolved = EngineLimits(), Resolved({"mark": facts})
    batch = plan_batch(jobs(*LISTS[:2]), facts, limits, resolved)
    both = batch.schedule((0, 1), limits, 2)
    assert batch.schedule((0, 1), limits, 2) is both
    assert batch.schedule((1,), limits, 2).peak_bytes < both.peak_bytes
    for most in range(3, 20):
        batch.schedule((0, 1), limits, most)
    assert batch.schedule((0, 1), limits, 2) == both


def test_after_a_failure_one_is_done_after_the_other() -> None:
    first_failed, over = Event(), list[int]()

    def work(item: int) -> int | DarkroomError:
        if item == 0 and not over:
            first_failed.set()
            return DarkroomError("mixed up with another")
        assert first_failed.wait(60)
        return item

    results = side_by_side(
        work, range(5), 2, lambda made: isinstance(made, DarkroomError), lambda: over.append(1)
    )
    assert list(results) == [0, 1, 2, 3, 4]
    assert over == [1]


class Declined(Exception):
    """There is no memory."""


def test_what_a_batch_takes_is_reported_before_anything_is_decoded() -> None:
    def decline(size: int, _: float) -> None:
        peaks.append(size)
        raise Declined

    peaks: list[int] = []
    small = encoded(smooth(64, 48), "JPEG")
    for data, steps in ((small, []), (LARGE, []), (LARGE, [{"type": "enhance"}])):
        stats = Stats()
        asked = jobs(steps, destination="o.png")
        with pytest.raises(Declined):
            list(render(Source.from_bytes(data), asked, admit=decline, stats=stats))
        assert stats.pixels_decoded == 0
    assert peaks[0] == 0
    assert 10_000_000 < peaks[1] < peaks[2]
    batch = jobs(*LISTS, destination="o.jpg")
    for threads in (1, 4):
        results = render(
            Source.from_bytes(LARGE), batch, inputs={"mark": MARK}, threads=threads, admit=decline
        )
        with pytest.raises(Declined):
            next(results)
    assert peaks[3] < peaks[4]
