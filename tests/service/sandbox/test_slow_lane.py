"""Slow works leave a child for quick ones, whether they were predicted to be slow or not."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.errors import Preempted, RenderCrashed, RenderUnavailable
from service.sandbox.parent import Budget
from service.sandbox.protocol import Reason
from tests.service.sandbox.sandboxes import Playground, until

AUTOGROUP = Path("/proc/self/autogroup")
MIB = 1 << 20
SLOW = 100.0  # predicted seconds
LONG = 600.0  # for as long as a test needs
NOT_SOON = 30.0  # seconds after which works count as slow
SOON = 0.05
FAULT = {"kind": "SourceEmpty", "message": "", "facts": {}}


def lane(slots: int, slow_seconds: float = NOT_SOON, total: int = 1200 * MIB) -> Playground:
    return Playground(slots, budget=Budget(total, slots, slow_seconds=slow_seconds))


@pytest.fixture
async def pair() -> AsyncIterator[Playground]:
    async with lane(2) as sandbox:
        yield sandbox


def play(
    sandbox: Playground, seconds: float, predicted: float = 0, *, mib: int = 0, owner: str = ""
) -> "asyncio.Task[list[object]]":
    act = {"do": "weigh", "seconds": seconds, "predicted": predicted, "peak": mib * MIB}
    return asyncio.create_task(sandbox.ask(act, owner=owner))


async def cancel(tasks: "list[asyncio.Task[list[object]]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("slots", [1, 2])
async def test_slow_works_take_all_slots_and_quick_ones_have_a_child_all_the_same(
    slots: int,
) -> None:
    async with lane(slots) as sandbox:
        slow = [play(sandbox, LONG, SLOW) for _ in range(slots + 3)]
        await until(lambda: (sandbox.budget.waiting_slow, sandbox.busy) == (3, slots))
        assert (sandbox.budget.slow, sandbox.waiting) == (slots, 3)
        for _ in range(3):
            assert await play(sandbox, 0)
        assert not any(task.done() for task in slow)
        await cancel(slow)
        assert (sandbox.budget.slow, sandbox.budget.waiting) == (0, 0)


async def test_without_slow_works_no_more_run_than_there_are_slots(pair: Playground) -> None:
    quick = [play(pair, LONG) for _ in range(4)]
    await until(lambda: pair.waiting == 2)
    assert (pair.busy, pair.free) == (2, 0)
    await cancel(quick)
    await until(lambda: pair.free == 2)


async def test_slow_works_that_wait_go_on_as_others_end_and_owners_take_turns(
    pair: Playground,
) -> None:
    holding = [play(pair, LONG, SLOW) for _ in range(2)]
    await until(lambda: pair.budget.slow == 2)
    ended: list[str] = []

    async def note(owner: str) -> None:
        await play(pair, 0.05, SLOW, owner=owner)
        ended.append(owner)

    async with asyncio.TaskGroup() as group:
        for number, owner in enumerate("aaaab"):
            group.create_task(note(owner))
            await until(lambda number=number: pair.budget.waiting_slow == number + 1)  # type: ignore[misc]
        assert pair.budget.waiting_owners == {"a", "b"}
        await cancel(holding[:1])
    assert ended.index("b") <= 2
    await cancel(holding)


async def test_who_waits_for_a_slow_one_s_end_holds_no_memory(pair: Playground) -> None:
    slow = [play(pair, LONG, SLOW) for _ in range(2)]
    await until(lambda: pair.budget.slow == 2)
    slow.append(play(pair, LONG, SLOW, mib=500))
    await until(lambda: pair.budget.waiting_slow == 1)
    assert await play(pair, 0, mib=500)
    await cancel(slow)


async def test_what_lasts_counts_as_slow_and_gives_up_the_spare_child() -> None:
    async with lane(1, SOON) as sandbox:
        slow = play(sandbox, LONG)
        await until(lambda: sandbox.budget.slow == 1)
        with pytest.raises(Preempted):
            await play(sandbox, LONG)
        assert await play(sandbox, 0)
        assert [end.reason for end in sandbox.exits] == [Reason.PREEMPTED]
        assert not slow.done()
        await cancel([slow])
        assert sandbox.budget.slow == 0


async def test_what_only_waits_for_the_processor_does_not_count_as_slow() -> None:
    async with lane(1, 0.3) as sandbox:
        assert await play(sandbox, 0.6)
        assert (sandbox.budget.slow, sandbox.exits) == (0, [])


@pytest.mark.parametrize("inherited", [0, 17])
async def test_a_child_whose_work_is_slow_leaves_the_processor_to_others(
    pair: Playground, inherited: int
) -> None:
    inherited = max(inherited, os.getpriority(os.PRIO_PROCESS, 0))
    for pid in pair.pids:
        os.setpriority(os.PRIO_PGRP, pid, inherited)
    slow = play(pair, 0.3, SLOW)
    await until(lambda: pair.budget.slow == 1)
    priorities = [os.getpriority(os.PRIO_PROCESS, pid) for pid in pair.pids]
    assert sorted(priorities) == [inherited, inherited, min(19, inherited + 5)]
    await slow
    assert (await pair.next_exit()).reason is Reason.RECYCLED


@pytest.mark.parametrize(("inherited", "asked"), [(0, 0), (0, 5), (7, 5), (7, 9)])
def test_who_leads_a_session_leaves_the_processor_to_other_sessions_too(
    inherited: int, asked: int
) -> None:
    """A session's own share does not follow from what its processes have inherited."""
    if not AUTOGROUP.exists():
        pytest.skip("the kernel shares by processes alone")
    code = (
        f"import os; from service.sandbox.linux import yield_to_others; os.nice({inherited}); "
        f"os.setsid(); yield_to_others({asked}); "
        f"print(os.nice(0), open('{AUTOGROUP}').read().split()[-1])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    then = max(asked, min(19, inherited + os.getpriority(os.PRIO_PROCESS, 0)))
    assert child.stdout.split() == [str(then)] * 2


@pytest.mark.parametrize("mib", [0, 1000])
async def test_what_lasts_before_it_asks_does_not_wait_for_itself(mib: int) -> None:
    """A source may be slow to open, and a machine be busy."""
    act = {"do": "weigh", "before": 0.3, "predicted": SLOW, "peak": mib * MIB}
    async with lane(1, SOON) as sandbox, asyncio.timeout(20):
        assert await sandbox.ask(act)
        assert (sandbox.budget.slow, sandbox.budget.waiting) == (0, 0)


async def test_a_child_that_was_told_to_wait_and_does_not_holds_no_place() -> None:
    ask = {"type": "AdmissionRequest", "peak_bytes": 0, "seconds": SLOW}
    async with lane(1, SOON) as sandbox:
        slow = play(sandbox, LONG, SLOW)
        await until(lambda: sandbox.budget.slow == 1)
        with pytest.raises(Preempted):
            await sandbox.ask({"do": "send_messages", "messages": [ask]}, deadline=5)
        failed = {"type": "JobFailed", "index": 0, "fault": FAULT}
        with pytest.raises(RenderCrashed, match="broke its protocol"):
            await sandbox.ask({"do": "send_messages", "messages": [ask, failed]})
        await cancel([slow])


async def test_a_child_that_has_waited_may_not_ask_for_more(pair: Playground) -> None:
    slow = [play(pair, LONG, SLOW) for _ in range(2)]
    await until(lambda: pair.budget.slow == 2)
    more = play(pair, LONG, SLOW, mib=100)
    await until(lambda: pair.budget.waiting_slow == 1)
    large = play(pair, LONG, mib=750)
    await until(lambda: pair.budget.taken > 0)
    pair.budget.free_bytes = 0  # so that as much is more than it was given
    await cancel(slow[:1])
    with pytest.raises(RenderCrashed, match="broke its protocol"):
        async with asyncio.timeout(20):
            await more
    assert pair.budget.waiting == 0
    await cancel([large, *slow])


async def test_a_child_that_was_not_told_to_wait_does_not_put_its_work_away() -> None:
    put_away = {"type": "Postponed", "resident_bytes": 0}
    async with lane(1) as sandbox, asyncio.timeout(20):
        with pytest.raises(RenderCrashed, match="broke its protocol"):
            await sandbox.ask({"do": "send_messages", "messages": [put_away]})


async def test_who_asks_again_while_it_waits_is_not_let_in() -> None:
    budget = Budget(1200 * MIB, 1, slow_seconds=1)
    with budget.share("a") as first, budget.share("b") as second:
        assert first.ask(0, SLOW)
        assert not any(second.ask(peak, SLOW) for peak in (0, 0, 1000 * MIB))
        assert (budget.slow, budget.waiting, second.slow) == (1, 1, False)
        first.release()
        assert second.slow
        assert second.ask(1000 * MIB, 0)  # what was known to be slow remains so
        assert second.slow
    assert (budget.slow, budget.taken) == (0, 0)


async def test_what_waits_when_the_sandbox_is_closed_is_told(pair: Playground) -> None:
    works = [play(pair, LONG, SLOW) for _ in range(8)]
    await until(lambda: pair.budget.waiting_slow == 6)
    await pair.__aexit__(None, None, None)
    async with asyncio.timeout(20):
        ends = await asyncio.gather(*works, return_exceptions=True)
    assert {type(end) for end in ends} == {RenderUnavailable}
