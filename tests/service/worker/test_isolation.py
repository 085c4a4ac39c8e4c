"""What a dying or hanging child leaves behind is done by others, one suspect at a time."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest

from engine.errors import SourceCorrupt
from service.errors import DarkroomError, Preempted, Quarantined, RenderTimeout
from service.sandbox.parent import Budget
from service.sandbox.parent.rendering import Rendering
from service.sandbox.protocol import Output, Summary, Work
from service.worker.rendering.isolation import MOST_PREEMPTED, Isolation
from tests.service.harness.tenants import PICTURE, job, raw_json
from tests.service.sandbox.sandboxes import until
from tests.service.worker.faulty_sandbox import FaultySandbox


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[FaultySandbox]:
    async with FaultySandbox(1) as sandbox:
        yield sandbox


@pytest.fixture
def source(tmp_path: Path) -> Iterator[BinaryIO]:
    (tmp_path / "in.png").write_bytes(PICTURE)
    with (tmp_path / "in.png").open("rb") as file:
        yield file


class Request:
    """A request with jobs that have these faults, and what it cost."""

    def __init__(
        self, source: BinaryIO, faults: Sequence[str], seconds: float = 30, threads: int = 1
    ) -> None:
        self.jobs = [raw_json(job(f"{fault}-{i}.png")) for i, fault in enumerate(faults)]
        self.source = source
        self.seconds = seconds
        self.threads = threads
        self.groups: list[list[int]] = []
        self.summaries: list[Summary] = []
        self.messages: list[str] = []

    def isolation(
        self, sandbox: FaultySandbox, max_crashes: int = 3, budget: float = math.inf
    ) -> Isolation:
        return Isolation(
            sandbox,
            self.work_for,
            max_crashes=max_crashes,
            on_summary=self.summaries.append,
            budget=budget,
        )

    def work_for(self, positions: Sequence[int]) -> Work:
        self.groups.append(list(positions))
        return Work(
            owner="",
            source=self.source,
            jobs=tuple(self.jobs),
            wanted=tuple(positions),
            deadline=self.seconds,
            threads=self.threads,
        )

    async def outcomes(self, sandbox: FaultySandbox, budget: float = math.inf) -> dict[int, str]:
        """Render everything: each position has one outcome."""
        sandbox.reasons()
        found: dict[int, str] = {}
        isolation = self.isolation(sandbox, budget=budget)
        async for outcomes in isolation.render(range(len(self.jobs))):
            for position, outcome in outcomes:
                assert position not in found
                found[position] = "done" if isinstance(outcome, Output) else outcome.code
                if isinstance(outcome, Output):
                    outcome.file.close()
                else:
                    self.messages.append(outcome.message)
        return dict(sorted(found.items()))


async def test_what_goes_well_goes_together(sandbox: FaultySandbox, source: BinaryIO) -> None:
    request = Request(source, ["fine"] * 5)
    assert await request.outcomes(sandbox) == dict.fromkeys(range(5), "done")
    assert request.groups == [[0, 1, 2, 3, 4]]
    assert [summary.source_format for summary in request.summaries] == ["png"]
    assert sandbox.reasons() == []


async def test_a_job_that_kills_its_child_is_alone_in_quarantine(
    sandbox: FaultySandbox, source: BinaryIO
) -> None:
    request = Request(source, ["fine", "kill", "fine"])
    assert await request.outcomes(sandbox) == {0: "done", 1: "quarantined", 2: "done"}
    assert request.groups == [[0, 1, 2], [1], [1], [2]]


async def test_of_jobs_side_by_side_none_is_suspected(
    sandbox: FaultySandbox, source: BinaryIO
) -> None:
    request = Request(source, ["fine", "kill", "fine"], threads=2)
    assert await request.outcomes(sandbox) == {0: "done", 1: "quarantined", 2: "done"}
    assert request.groups == [[0, 1, 2], [1, 2], [1], [2]]


async def test_many_killers_get_no_three_chances_each(
    sandbox: FaultySandbox, source: BinaryIO
) -> None:
    request = Request(source, ["kill", "kill", "fine", "kill"])
    expected = {0: "quarantined", 1: "quarantined", 2: "done", 3: "quarantined"}
    assert await request.outcomes(sandbox) == expected
    assert len(request.groups) <= 6


async def test_a_job_that_hangs_is_alone_in_its_timeout(
    sandbox: FaultySandbox, source: BinaryIO
) -> None:
    """It had its time; the others go on in a group, and are begun once."""
    request = Request(source, ["fine", "hang", "fine", "fine", "hang"], seconds=1.0)
    expected = {0: "done", 1: "timeout", 2: "done", 3: "done", 4: "timeout"}
    assert await request.outcomes(sandbox) == expected
    assert request.groups == [[0, 1, 2, 3, 4], [2, 3, 4]]
    assert sandbox.reasons() == ["timeout", "timeout"]


async def test_each_job_has_the_whole_deadline(sandbox: FaultySandbox, source: BinaryIO) -> None:
    """Five that take half a second each are done, though none may take all five's time."""
    request = Request(source, ["stall"] * 5, seconds=2.4)
    assert await request.outcomes(sandbox) == dict.fromkeys(range(5), "done")
    assert sandbox.reasons() == []


async def test_many_that_hang_hold_a_slot_no_longer_than_the_budget(
    sandbox: FaultySandbox, source: BinaryIO
) -> None:
    """Of 64 jobs some have their time, the last of these what is left, the others none."""
    request = Request(source, ["hang"] * 64, seconds=0.2)
    assert await request.outcomes(sandbox, budget=0.9) == dict.fromkeys(range(64), "timeout")
    begun = len(request.groups)
    assert 1 < begun <= 5
    assert request.groups == [list(range(first, 64)) for first in range(begun)]
    assert sandbox.reasons() == ["timeout"] * begun
    assert request.messages[0].endswith("took longer than its deadline of 0.2 s")
    for message in request.messages[begun:]:
        assert "the 0.9 s that a process may take to render (process_seconds) were" in message


async def test_the_last_job_has_what_is_left(sandbox: FaultySandbox, source: BinaryIO) -> None:
    request = Request(source, ["hang"], seconds=30)
    assert await request.outcomes(sandbox, budget=0.2) == {0: "timeout"}
    assert request.messages[0].endswith("used up the 0.2 s that were left for its work")


async def test_crashes_use_the_budget_too(sandbox: FaultySandbox, source: BinaryIO) -> None:
    """A child that stalls and dies each time is not begun again when all time is used."""
    request = Request(source, ["stall-kill", "fine"], seconds=5)
    outcomes = await request.outcomes(sandbox, budget=0.6)
    assert outcomes == {0: "timeout", 1: "timeout"}
    assert request.groups in ([[0, 1]], [[0, 1], [0]])


async def test_a_child_that_dies_after_its_last_answer_takes_nothing_back(
    sandbox: FaultySandbox, source: BinaryIO
) -> None:
    request = Request(source, ["fine", "parting"])
    assert await request.outcomes(sandbox) == {0: "done", 1: "done"}
    assert request.groups == [[0, 1]]
    await until(lambda: bool(sandbox.exits))


async def test_a_source_that_cannot_be_read_fails_every_job(sandbox: FaultySandbox) -> None:
    with (Path(__file__).parent / "faulty_sandbox.py").open("rb") as file:
        request = Request(file, ["fine", "fine"])
        assert set((await request.outcomes(sandbox)).values()) <= {
            "unsupported_format",
            SourceCorrupt.code,
        }


async def test_whoever_leaves_early_stops_the_work(
    sandbox: FaultySandbox, source: BinaryIO
) -> None:
    request = Request(source, ["fine", "hang"])
    sandbox.reasons()
    rendering = request.isolation(sandbox).render([0, 1])
    [(position, outcome)] = await anext(rendering)
    assert position == 0
    assert isinstance(outcome, Output)
    outcome.file.close()
    await rendering.aclose()
    await until(lambda: bool(sandbox.exits))
    assert sandbox.reasons() == ["cancelled"]


async def test_the_words_say_what_happened(sandbox: FaultySandbox, source: BinaryIO) -> None:
    errors: list[DarkroomError] = []
    for request in (Request(source, ["kill"]), Request(source, ["hang"], seconds=0.1)):
        async for [(_, outcome)] in request.isolation(sandbox, max_crashes=1).render([0]):
            assert isinstance(outcome, DarkroomError)
            errors.append(outcome)
    quarantined, timeout = errors
    assert isinstance(quarantined, Quarantined)
    assert isinstance(timeout, RenderTimeout)
    assert "killed its process 1 times" in quarantined.message
    assert "0.1 s" in timeout.message


async def test_what_is_begun_once_more_since_others_are_slow_loses_nothing_of_its_time(
    source: BinaryIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FaultySandbox(budget=Budget(2**30, 1, slow_seconds=0.1)) as sandbox:
        works: list[Work] = []
        render = sandbox.render

        def note(work: Work, on_waiting: Callable[[bool], None]) -> Any:
            works.append(work)
            return render(work, on_waiting)

        monkeypatch.setattr(sandbox, "render", note)
        holding = asyncio.create_task(Request(source, ["hang"]).outcomes(sandbox))
        await until(lambda: sandbox.budget.slow == 1)
        request = Request(source, ["stall"])
        isolation = request.isolation(sandbox, budget=30)
        told = asyncio.create_task(anext(isolation.render([0])))
        await until(lambda: sandbox.budget.waiting_slow == 1)
        holding.cancel()
        [(_, outcome)] = await told
        assert isinstance(outcome, Output)
        outcome.file.close()
        assert [(work.budget, work.slow) for work in works[1:]] == [(30, False), (30, True)]
        assert isolation.crashes == 0
        assert isolation.seconds >= 0.1


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0])
def test_a_child_cannot_say_that_it_took_a_time_that_cannot_be(seconds: float) -> None:
    said = msgspec.msgpack.encode(Summary(render_seconds=seconds))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(said, type=Summary)


class Preempting(FaultySandbox):
    """Takes every work away, as from a child that is told to wait and works on."""

    @asynccontextmanager
    async def render(self, *work: Any) -> AsyncIterator[Rendering]:
        if self.slots:
            raise Preempted("lasted")
        async with super().render(*work) as rendering:
            yield rendering


async def test_what_is_taken_away_again_and_again_is_given_up(source: BinaryIO) -> None:
    request = Request(source, ["fine", "fine"])
    async with asyncio.timeout(20):
        assert set((await request.outcomes(Preempting())).values()) == {"quarantined"}
    assert request.groups[: MOST_PREEMPTED + 1] == [[0, 1]] * (MOST_PREEMPTED + 1)
    assert len(request.groups) <= MOST_PREEMPTED + 4
