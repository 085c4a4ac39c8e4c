"""Children that crash, hang, starve or lie; callers and workers that go."""

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from engine.errors import DarkroomError
from service.errors import RenderCrashed, RenderTimeout, SourceChanged
from service.sandbox.parent import pool
from service.sandbox.protocol import ChildExit, Reason, SandboxLimits, Work
from service.sandbox.protocol.limits import MIB
from service.supervisor import Supervisor
from tests.service.sandbox.sandboxes import SOURCE, Act, Playground, lives, told, until


def job_done(size: int, index: int = 0) -> Act:
    """Give the message of an output of so many bytes."""
    output = {
        "size": size, "format": "png", "width": 1, "height": 1, "frames": 1,
        "content_type": "image/png", "damaged": False, "sha256": "", "milliseconds": 1.0,
    }  # fmt: skip
    return {"type": "JobDone", "index": index, "output": output}


async def fails(
    sandbox: Playground, *acts: Act, deadline: float = 30.0
) -> tuple[DarkroomError, list[Any], tuple[int, ...]]:
    """Give the error that ends a work, what was told before, and which jobs were left."""
    before: list[Any] = []
    async with asyncio.timeout(30), sandbox.playing(*acts, deadline=deadline) as rendering:
        with pytest.raises(DarkroomError) as caught:  # noqa: PT012
            async for result in rendering:
                before.append(told(result))  # noqa: PERF401 - what came before the error counts
    assert rendering.summary is None
    return caught.value, before, rendering.unfinished


@pytest.fixture(scope="module")
async def tight_pair() -> AsyncIterator[Playground]:
    limits = SandboxLimits(memory_bytes=500 * MIB, address_slack_bytes=100 * MIB)
    async with Playground(2, limits=limits) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    ("act", "words", "reason"),
    [
        ({"do": "crash", "signum": signal.SIGSEGV}, "died of SIGSEGV", Reason.CRASHED),
        ({"do": "segfault"}, "died of SIGSEGV", Reason.CRASHED),
        ({"do": "crash", "signum": signal.SIGABRT}, "died of SIGABRT", Reason.CRASHED),
        ({"do": "crash", "signum": 40}, "died of signal 40", Reason.CRASHED),
        ({"do": "leave", "status": 3}, "exited with status 3", Reason.CRASHED),
        ({"do": "fail"}, "failed with ZeroDivisionError", Reason.CRASHED),
        (
            {"do": "crash", "signum": signal.SIGKILL},
            "died of SIGKILL",
            Reason.CRASHED,
        ),
        ({"do": "eat", "size": 600 * MIB}, "ran out of memory", Reason.OUT_OF_MEMORY),
        (
            {"do": "eat_like_glib"},
            "ran out of memory and died of SIGABRT",
            Reason.OUT_OF_MEMORY,
        ),
        ({"do": "eat_shared", "size": 700 * MIB}, "ran out of memory", Reason.OUT_OF_MEMORY),
        ({"do": "hang_up"}, "broke its protocol", Reason.PROTOCOL),
    ],
)
async def test_a_death_ends_its_work_alone(
    tight_pair: Playground, act: Act, words: str, reason: Reason
) -> None:
    async with tight_pair.playing({"do": "tell"}, {"do": "sleep", "seconds": 0.3}) as other:
        error, before, left = await fails(tight_pair, {"do": "tell"}, act, {"do": "tell"})
        neighbour = [told(result) async for result in other]
    assert type(error) is RenderCrashed
    assert error.retryable
    assert error.message == f"the rendering process {words}"
    assert left == (1, 2)
    end = await tight_pair.next_exit()
    assert (end.pid, end.reason) == (before[0]["pid"], reason)
    assert end.works >= 1
    assert not lives(end.pid)
    assert neighbour[1] == {"slept": 0.3}
    pids = {(await tight_pair.ask_one("tell"))["pid"] for _ in range(4)}
    assert end.pid not in pids
    assert tight_pair.exits == []


async def test_a_source_that_is_cut_off_while_it_is_read_is_reported_as_changed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "source"
    path.write_bytes(bytes(8 * MIB))
    acts = ({"do": "map_source"}, {"do": "read_mapped"})
    async with Playground(limits=SandboxLimits(results_ahead=1)) as sandbox:
        with path.open("rb") as source:
            work = Work(
                owner="", source=source, jobs=tuple(map(msgspec.json.encode, acts)), deadline=30
            )
            with pytest.raises(SourceChanged) as caught:  # noqa: PT012
                async with sandbox.render(work) as rendering:
                    while not rendering.untaken:
                        await asyncio.sleep(0.01)
                    os.truncate(path, 0)
                    async for result in rendering:
                        told(result)
        assert (caught.value.code, caught.value.retryable) == ("source_changed", False)
        assert (await sandbox.next_exit()).message == "died of SIGBUS"


async def test_what_a_child_sent_before_its_death_counts() -> None:
    acts: list[Act] = [{"do": "tell"}, {"do": "sleep", "seconds": 0.2}, {"do": "fail"}]
    async with Playground() as sandbox, sandbox.playing(*acts) as rendering:
        pid = told(await anext(rendering))["pid"]
        while lives(pid):
            time.sleep(0.01)  # noqa: ASYNC251 - so that the sandbox cannot read meanwhile
        assert told(await anext(rendering)) == {"slept": 0.2}
        with pytest.raises(RenderCrashed, match="failed with ZeroDivisionError"):
            await anext(rendering)


async def test_a_death_after_the_last_answer_takes_nothing_back(sandbox: Playground) -> None:
    async with sandbox.playing({"do": "leave_at_the_end", "status": 9}) as rendering:
        assert [told(result) async for result in rendering] == [{}]
    assert rendering.summary is None
    assert (await sandbox.next_exit()).message == "exited with status 9"


async def test_a_crash_leaves_its_traceback_to_the_log_and_not_to_the_client(
    sandbox: Playground,
) -> None:
    error, _, _ = await fails(sandbox, {"do": "segfault"})
    assert "most recent call first" in (await sandbox.next_exit()).stderr
    assert "most recent call first" not in error.message


async def test_a_crash_outside_python_is_told_by_its_own_signal(sandbox: Playground) -> None:
    error, _, _ = await fails(sandbox, {"do": "crash_elsewhere", "signum": signal.SIGFPE})
    assert error.message == "the rendering process died of SIGFPE"
    # The frames of a thread that runs are not read: that crashes now and then.
    assert "most recent call first" not in (await sandbox.next_exit()).stderr


@pytest.mark.parametrize("act", [{"do": "sleep", "seconds": 60}, {"do": "spin"}])
async def test_a_child_that_overruns_its_deadline_is_replaced(
    sandbox: Playground, act: Act
) -> None:
    error, before, left = await fails(sandbox, {"do": "tell"}, act, deadline=0.5)
    assert type(error) is RenderTimeout
    assert error.message == "the rendering process took longer than its deadline of 0.5 s"
    assert left == (1,)
    end = await sandbox.next_exit()
    assert (end.pid, end.reason) == (before[0]["pid"], Reason.TIMEOUT)
    assert not lives(end.pid)
    assert (await sandbox.ask_one("tell"))["pid"] != end.pid


async def test_the_kernel_s_end_of_cpu_time_counts_as_a_timeout(sandbox: Playground) -> None:
    error, _, _ = await fails(sandbox, {"do": "crash", "signum": signal.SIGXCPU})
    assert type(error) is RenderTimeout


async def test_answers_that_came_in_time_count_though_the_worker_was_busy() -> None:
    async with Playground() as sandbox:
        async with sandbox.playing(*[{"do": "tell"}] * 3, deadline=0.5) as rendering:
            time.sleep(1.5)  # noqa: ASYNC251 - so that the sandbox cannot read meanwhile
            assert len([told(result) async for result in rendering]) == 3
        assert sandbox.exits == []


async def test_a_cancelled_caller_frees_its_slot() -> None:
    async with Playground() as sandbox:
        [pid] = sandbox.pids
        task = asyncio.create_task(sandbox.ask({"do": "sleep", "seconds": 60}))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await sandbox.ask_one("tell"))["pid"] != pid
        assert (await sandbox.next_exit()).reason is Reason.CANCELLED
        assert not lives(pid)


@pytest.mark.parametrize(
    "act",
    [
        {"do": "send_bytes", "text": "garbage"},
        {"do": "send_bytes", "text": "x" * 70_000},
        {"do": "send_message", "type": "Ready", "protections": []},
        {"do": "send_message", "type": "Finished", "summary": {}, "resident_bytes": 1},
        {"do": "send_message", "type": "AdmissionRequest", "peak_bytes": -1, "seconds": 1},
        {"do": "send_message", "type": "AdmissionRequest", "peak_bytes": 1, "seconds": -1},
        {"do": "send_message", "type": "JobFailed", "index": 7,
         "fault": {"kind": "SourceEmpty", "message": "", "facts": {}}},
        {"do": "send_message", **job_done(5)},
        {"do": "send_message", **job_done(5), "data": "four"},
        {"do": "send_message", **job_done(0), "files": 1},
        {"do": "send_message", **job_done(0), "files": 10},
        {"do": "keep_mapped", **job_done(4096)},
    ],
)  # fmt: skip
async def test_a_child_that_breaks_the_protocol_is_replaced(sandbox: Playground, act: Act) -> None:
    before = len(os.listdir("/proc/self/fd"))
    error, _, left = await fails(sandbox, act)
    assert type(error) is RenderCrashed
    assert error.message == "the rendering process broke its protocol"
    assert left == (0,)
    assert (await sandbox.next_exit()).reason is Reason.PROTOCOL
    assert await sandbox.ask({"do": "tell"})
    assert len(os.listdir("/proc/self/fd")) == before


async def test_results_that_nobody_has_taken_cannot_fill_the_worker_s_memory() -> None:
    flood = [{**job_done(4, index), "data": "1234"} for index in range(3)]
    acts = {"do": "send_messages", "messages": flood}, {"do": "tell"}, {"do": "tell"}
    limits = SandboxLimits(results_ahead=2)
    async with Playground(limits=limits) as sandbox, sandbox.playing(*acts) as rendering:
        end = await asyncio.wait_for(sandbox.next_exit(), 30)
        assert "an output before those that wait were taken" in end.message
        assert [told(result) for result in await rendering.take()] == [1234, 1234]
        with pytest.raises(RenderCrashed, match="broke its protocol"):
            await rendering.take()


async def test_a_child_cannot_claim_an_error_that_is_not_the_engine_s(
    sandbox: Playground,
) -> None:
    act = {"do": "send_message", "type": "JobFailed", "index": 0,
           "fault": {"kind": "LeaseLost", "message": "x", "facts": {}}}  # fmt: skip
    async with sandbox.playing(act) as rendering:
        assert type(told(await anext(rendering))) is DarkroomError


async def test_an_idle_child_that_dies_is_replaced() -> None:
    async with Playground() as sandbox:
        [pid] = sandbox.pids
        os.kill(pid, signal.SIGKILL)
        assert (await sandbox.next_exit()).pid == pid
        assert (await sandbox.ask_one("tell"))["pid"] != pid


async def test_a_child_that_dies_at_birth_is_replaced_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "PROVEN_SECONDS", 60.0)
    async with Playground(limits=SandboxLimits(backoff_seconds=60)) as sandbox:
        os.kill(sandbox.pids[0], signal.SIGKILL)
        await sandbox.next_exit()
        await asyncio.sleep(0.5)
        assert sandbox.pids == ()


async def test_a_child_that_had_lived_is_replaced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PROVEN_SECONDS", 0.0)
    async with Playground(limits=SandboxLimits(backoff_seconds=60)) as sandbox:
        os.kill(sandbox.pids[0], signal.SIGKILL)
        await sandbox.next_exit()
        await until(lambda: bool(sandbox.pids))


async def test_a_child_that_is_gone_when_its_work_comes_costs_the_caller_nothing(
    sandbox: Playground,
) -> None:
    [pid] = sandbox.pids
    os.kill(pid, signal.SIGKILL)
    while lives(pid):
        time.sleep(0.01)  # noqa: ASYNC251 - so that the sandbox cannot notice
    assert (await sandbox.ask_one("tell"))["pid"] != pid


async def test_children_ignore_the_signals_that_stop_a_whole_service(sandbox: Playground) -> None:
    [pid] = sandbox.pids
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    assert (await sandbox.ask_one("tell"))["pid"] == pid


@pytest.mark.parametrize(
    "story",
    [
        test_what_a_child_sent_before_its_death_counts,
        test_a_cancelled_caller_frees_its_slot,
        test_an_idle_child_that_dies_is_replaced,
        test_answers_that_came_in_time_count_though_the_worker_was_busy,
    ],
)
def test_the_same_on_the_loop_of_the_worker(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())


WORKER = f"""
import asyncio, sys
sys.path.insert(0, {str(SOURCE.parents[2])!r})
from tests.service.sandbox.sandboxes import Playground

async def main():
    async with Playground(2) as sandbox:
        print(*sandbox.pids, flush=True)
        await sandbox.ask({{"do": "sleep", "seconds": 60}})

asyncio.run(main())
"""


async def test_no_child_outlives_a_killed_worker() -> None:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    pids = [int(pid) for pid in (await worker.stdout.readline()).split()]
    await asyncio.sleep(0.2)
    assert [lives(pid) for pid in pids] == [True, True]
    worker.kill()
    await worker.wait()
    await until(lambda: not any(lives(pid) for pid in pids))


async def test_a_slot_outlives_whatever_its_keeper_meets() -> None:
    """No file descriptor is left for the next child; the end of one cannot be told of."""
    restarts: list[str] = []
    ends: list[ChildExit] = []

    def tell(end: ChildExit) -> None:
        ends.append(end)
        if len(ends) == 1:
            raise ZeroDivisionError

    async with Playground(supervisor=Supervisor(restarts.append), on_exit=tell) as sandbox:
        os.kill(sandbox.pids[0], signal.SIGKILL)
        await until(lambda: len(restarts) == 1 and bool(sandbox.pids))
        assert await sandbox.ask({"do": "tell"})
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            os.kill(sandbox.pids[0], signal.SIGKILL)
            await until(lambda: len(restarts) >= 2)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await until(lambda: bool(sandbox.pids))
        assert await sandbox.ask({"do": "tell"})
