"""Works and their results: order, streaming, files, fairness, nothing left behind."""

import asyncio
import hashlib
import io
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import psutil
import pytest

from engine.errors import LimitExceeded, OutputTooLarge, SourceTooLarge
from engine.limits import EngineLimits
from service.sandbox.protocol import Output, Reason, SandboxLimits, Work
from tests.service.sandbox.sandboxes import Playground, lives, told, until


@pytest.fixture(scope="module")
async def pair() -> AsyncIterator[Playground]:
    async with Playground(2) as sandbox:
        yield sandbox


async def test_results_come_with_their_files_and_figures(pair: Playground) -> None:
    async with pair.playing({"do": "make", "size": 100_000}, {"do": "refuse"}) as rendering:
        first, second = [result async for result in rendering]
    assert (first.index, second.index) == (0, 1)
    assert isinstance(first.outcome, Output)
    with first.outcome.file as file:
        data = file.read()
    assert data == bytes(100_000)
    assert first.outcome.sha256 == hashlib.sha256(data).hexdigest()
    assert (first.outcome.size, first.outcome.format) == (100_000, "json")
    assert (first.outcome.width, first.outcome.height, first.outcome.frames) == (1, 2, 3)
    assert first.outcome.content_type == "application/json"
    assert first.outcome.milliseconds > 0
    assert rendering.unfinished == ()
    summary = rendering.summary
    assert summary is not None
    assert (summary.source_format, summary.pixels_decoded) == ("tale", 2)
    assert summary.render_seconds > 0
    assert summary.peak_memory_bytes > 1_000_000


async def test_an_output_cannot_be_changed(pair: Playground) -> None:
    async with pair.playing({"do": "make", "size": 100_000}) as rendering:
        result = await anext(rendering)
    assert isinstance(result.outcome, Output)
    with result.outcome.file as file:
        with pytest.raises(PermissionError):
            os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDWR | os.O_TRUNC)
        assert file.read() == bytes(100_000)


async def test_an_error_of_the_engine_arrives_as_it_was(pair: Playground) -> None:
    error = await pair.ask_one("refuse")
    assert type(error) is SourceTooLarge
    assert (error.code, error.retryable) == ("source_too_large", False)
    assert (error.limit, error.allowed, error.found) == ("max_source_pixels", 10, 1e6)
    assert error.message == (
        "the source is too large: 1,000,000 pixels, the limit is 10 (max_source_pixels)"
    )


async def test_an_error_of_the_source_answers_all_jobs_without_one(pair: Playground) -> None:
    answers = await pair.ask({"do": "tell"}, {"do": "refuse_all"}, {"do": "tell"})
    assert [type(answer) for answer in answers] == [dict, SourceTooLarge, SourceTooLarge]


async def test_results_stream_before_the_work_ends(pair: Playground) -> None:
    async with pair.playing({"do": "tell", "a": 1}, {"do": "sleep", "seconds": 60}) as rendering:
        assert told(await anext(rendering))["a"] == 1
        assert not rendering.over
        assert rendering.unfinished == (1,)
    assert (await pair.next_exit()).reason is Reason.CANCELLED


async def test_two_slots_work_at_the_same_time(pair: Playground) -> None:
    acts: list[dict[str, Any]] = [{"do": "tell"}, {"do": "sleep", "seconds": 60}]
    async with pair.playing(*acts) as one, pair.playing(*acts) as other:
        pids = {told(await anext(one))["pid"], told(await anext(other))["pid"]}
        assert len(pids) == 2
        assert not one.over
        assert not other.over
    assert {(await pair.next_exit()).pid, (await pair.next_exit()).pid} == pids


async def test_first_come_first_served(sandbox: Playground) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        await sandbox.ask({"do": "tell"})
        served.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(ask(number))
            await asyncio.sleep(0)
    assert served == list(range(8))


async def test_a_caller_that_leaves_the_queue_holds_nobody_up(sandbox: Playground) -> None:
    busy = asyncio.create_task(sandbox.ask({"do": "sleep", "seconds": 0.2}))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(sandbox.ask({"do": "tell"})) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(busy, *waiting[1:])
    assert sandbox.exits == []


async def test_a_caller_that_leaves_when_its_turn_comes_hands_it_on(sandbox: Playground) -> None:
    async with sandbox.playing({"do": "tell"}, {"do": "sleep", "seconds": 0.1}) as rendering:
        told(await anext(rendering))
        waiting = asyncio.create_task(sandbox.ask({"do": "tell"}))
        assert [told(result) async for result in rendering] == [{"slept": 0.1}]
        waiting.cancel()  # by now it has been given the child, and has not run yet
    async with asyncio.timeout(60):
        assert await sandbox.ask({"do": "tell"})
    assert sandbox.exits == []


async def test_files_are_read_from_their_start_and_only_read(pair: Playground) -> None:
    limits = EngineLimits(max_output_side=77)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as mark:
        source.write(b"the source")
        mark.write(b"the mark")
        source.flush()
        mark.flush()
        source.seek(4)
        jobs = (b'{"do":"read_files"}',)
        work = Work(
            owner="", source=source, jobs=jobs, deadline=30, inputs={"m.png": mark}, limits=limits
        )
        for _ in range(2):
            async with pair.render(work) as rendering:
                told_of_them = told(await anext(rendering))
            assert told_of_them["source"] == "the source"
            assert told_of_them["inputs"] == {"m.png": "the mark"}
            assert told_of_them["limits"]["max_output_side"] == 77
        assert source.tell() == 4
        refused = msgspec.structs.replace(work, jobs=(b'{"do":"change_source","how":"write"}',))
        async with pair.render(refused) as rendering:
            assert told(await anext(rendering)) == {"refused": "OSError"}


async def test_jobs_of_a_megabyte_go_through(pair: Playground) -> None:
    text = "x" * (1 << 20)
    assert (await pair.ask_one("tell", text=text))["text"] == text


async def test_too_many_inputs_are_refused(pair: Playground) -> None:
    with tempfile.TemporaryFile() as file:
        many = {f"{number}.png": file for number in range(241)}
        with pytest.raises(LimitExceeded, match=r"241 files, the limit is 240 \(max_inputs\)"):
            async with pair.render(
                Work(owner="", source=file, jobs=(b"{}",), deadline=1, inputs=many)
            ):
                pass
    assert await pair.ask({"do": "tell"})


async def test_a_source_without_a_descriptor_is_refused(pair: Playground) -> None:
    with pytest.raises(io.UnsupportedOperation, match="fileno"):
        async with pair.render(Work(owner="", source=io.BytesIO(b"x"), jobs=(b"{}",), deadline=1)):
            pass
    assert await pair.ask({"do": "tell"})


async def test_an_output_over_the_limit_is_refused_by_name() -> None:
    async with Playground(limits=SandboxLimits(max_output_bytes=1000)) as sandbox:
        assert (await sandbox.ask_one("tell"))["pid"]
        error = await sandbox.ask_one("make", size=1001)
        assert type(error) is OutputTooLarge
        assert (error.limit, error.allowed, error.found) == ("max_output_bytes", 1000, 1001)
        assert sandbox.exits == []


async def test_a_child_waits_for_a_caller_who_is_behind_and_its_deadline_with_it() -> None:
    async with Playground(limits=SandboxLimits(results_ahead=2)) as sandbox:
        async with sandbox.playing(*[{"do": "tell"}] * 6, deadline=1.0) as rendering:
            await asyncio.sleep(1.5)
            assert rendering.unfinished == (2, 3, 4, 5)
            assert len([told(result) async for result in rendering]) == 6
        async with sandbox.playing({"do": "tell"}, {"do": "tell"}, deadline=1.0) as rendering:
            await until(lambda: rendering.over)  # nothing is left to do: the child is free
            assert rendering.untaken == 2
            assert await sandbox.ask({"do": "tell"})
            assert len([told(result) async for result in rendering]) == 2
        assert sandbox.exits == []


async def test_results_wait_for_company_but_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Playground(limits=SandboxLimits(results_ahead=4)) as sandbox:
        monkeypatch.setattr("service.sandbox.parent.rendering.GATHER_SECONDS", 600.0)
        async with sandbox.playing(*[{"do": "tell"}] * 7) as rendering:
            taken = [await rendering.take(), await rendering.take()]
            assert [len([told(result) for result in results]) for results in taken] == [4, 3]
        monkeypatch.setattr("service.sandbox.parent.rendering.GATHER_SECONDS", 0.001)
        async with sandbox.playing({"do": "tell"}, {"do": "sleep", "seconds": 600}) as rendering:
            assert [told(result) for result in await rendering.take()]


async def test_a_caller_who_is_behind_does_not_hurry_the_next_work() -> None:
    acts = [{"do": "tell"}] * 4
    async with Playground(limits=SandboxLimits(results_ahead=2)) as sandbox:
        async with sandbox.playing(*acts[:2]) as behind, sandbox.playing(*acts) as next_one:
            await until(lambda: next_one.untaken == 2)
            assert len([told(result) async for result in behind]) == 2
            await asyncio.sleep(0.2)
            assert next_one.unfinished == (2, 3)
            assert len([told(result) async for result in next_one]) == 4
        assert sandbox.exits == []


async def test_a_child_is_replaced_after_enough_works() -> None:
    async with Playground(limits=SandboxLimits(works_per_child=2)) as sandbox:
        pids = [(await sandbox.ask_one("tell"))["pid"] for _ in range(4)]
        assert pids[0] == pids[1]
        assert pids[2] == pids[3] != pids[0]
        assert [(end.reason, end.works) for end in sandbox.exits[:1]] == [(Reason.RECYCLED, 2)]


async def test_a_child_that_keeps_much_memory_is_replaced_between_works() -> None:
    async with Playground(limits=SandboxLimits(resident_bytes=100 << 20)) as sandbox:
        before = await sandbox.ask_one("keep", size=1 << 20)
        assert before == await sandbox.ask_one("keep", size=100 << 20)
        assert before != await sandbox.ask_one("keep", size=1)
        assert sandbox.exits[0].reason is Reason.RECYCLED


async def test_two_hundred_works_leave_nothing_behind(pair: Playground) -> None:
    async def rummage() -> None:
        answers = await pair.ask({"do": "tell", "text": "x" * 10_000}, {"do": "refuse"})
        assert len(answers) == 2

    async def belongings() -> tuple[int, int, dict[int, int]]:
        counts = await asyncio.gather(*(pair.ask_one("count_files") for _ in pair.pids))
        files = {count["pid"]: count["files"] for count in counts}
        assert files.keys() == set(pair.pids)
        me = psutil.Process()
        return me.num_fds(), len(me.children(recursive=True)), files

    await asyncio.gather(*(rummage() for _ in range(8)))  # a child keeps files for two outputs
    before = await belongings()
    for _ in range(50):
        await asyncio.gather(*(rummage() for _ in range(4)))
    assert await belongings() == before


async def test_results_that_nobody_took_are_closed(pair: Playground) -> None:
    await pair.ask({"do": "tell"})
    before = psutil.Process().num_fds()
    async with pair.playing({"do": "tell"}, {"do": "tell"}) as rendering:
        await until(lambda: rendering.over)
    assert psutil.Process().num_fds() == before


async def test_closing_ends_all_children_and_fails_what_waits() -> None:
    async with Playground(2) as sandbox:
        pids = sandbox.pids
        tasks = [asyncio.create_task(sandbox.ask({"do": "sleep", "seconds": 60})) for _ in range(3)]
        await asyncio.sleep(0.05)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [getattr(end, "code", end) for end in ends] == ["render_unavailable"] * 3
    assert not any(lives(pid) for pid in pids)
    assert [end.reason for end in sandbox.exits] == [Reason.SHUTDOWN] * 2


async def test_a_start_that_is_slow_gets_more_time_and_succeeds_in_the_end() -> None:
    limits = SandboxLimits(start_seconds=0.02, backoff_seconds=0.001, backoff_most_seconds=0.001)
    async with Playground(limits=limits) as sandbox:
        os.kill(sandbox._server.pid or 0, signal.SIGKILL)
        await until(lambda: Reason.START_FAILED in {end.reason for end in sandbox.exits})
        await until(lambda: bool(sandbox.pids))
        assert await sandbox.ask({"do": "tell"})
