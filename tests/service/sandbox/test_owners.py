"""A child serves one owner alone, and owners keep their children while they can."""

import asyncio

import pytest

from service.sandbox.parent import Budget, pool
from service.sandbox.parent.child_handle import Child
from service.sandbox.parent.exits import start_failed
from service.sandbox.protocol import Reason
from tests.service.sandbox.sandboxes import Playground, until

MIB = 1 << 20
KEEP = {"do": "keep", "size": 100 * MIB}


async def pid_for(sandbox: Playground, owner: str) -> int:
    [answer] = await sandbox.ask({"do": "tell"}, owner=owner)
    return int(answer["pid"])


async def test_no_child_serves_two_owners() -> None:
    async with Playground() as sandbox:
        pids = [await pid_for(sandbox, owner) for owner in "aabba"]
        assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]
        assert len(set(pids)) == 3
        assert [(end.pid, end.reason) for end in sandbox.exits] == [
            (pids[0], Reason.OTHER_OWNER), (pids[2], Reason.OTHER_OWNER),
        ]  # fmt: skip


async def test_owners_keep_their_children_while_there_are_enough() -> None:
    async with Playground(2) as sandbox:
        pids = [await pid_for(sandbox, owner) for owner in "abbaab"]
        assert pids[0] == pids[3] == pids[4] != pids[1] == pids[2] == pids[5]
        assert sandbox.exits == []


async def test_more_owners_than_slots_keep_theirs_while_there_are_children_that_rest() -> None:
    async with Playground(budget=Budget(resting=2)) as sandbox:
        pids = [await pid_for(sandbox, owner) for owner in "abcabcdbc"]
        assert pids[3:6] == pids[:3]
        assert pids[7:] == pids[1:3]
        assert [(end.pid, end.reason) for end in sandbox.exits] == [(pids[0], Reason.OTHER_OWNER)]


async def test_children_that_rest_are_no_slots() -> None:
    async with Playground(budget=Budget(resting=2)) as sandbox, asyncio.TaskGroup() as group:
        for owner in "ab":
            group.create_task(sandbox.ask({"do": "sleep", "seconds": 0.1}, owner=owner))
        await until(lambda: sandbox.busy == 1)
        assert (sandbox.waiting, sandbox.free) == (1, 0)


async def test_who_rests_with_much_memory_makes_room_when_all_keep_too_much() -> None:
    """Each alone may keep what it keeps."""
    async with Playground(2, budget=Budget(400 * MIB, 2, resting=1)) as sandbox:
        first = await pid_for(sandbox, "a")
        kept = [(await sandbox.ask(KEEP, owner=owner))[0]["pid"] for owner in "bc"]
        await until(lambda: bool(sandbox.exits))
        [end] = sandbox.exits
        assert (end.pid, end.reason) == (kept[0], Reason.RECYCLED)
        assert [await pid_for(sandbox, owner) for owner in "ac"] == [first, kept[1]]


async def test_a_work_puts_one_child_away_and_waits_for_its_successor() -> None:
    async with Playground(3) as sandbox:
        pids = [await pid_for(sandbox, owner) for owner in "abc"]
        for owner in "de":  # each comes when the children are all of others, and idle
            await pid_for(sandbox, owner)
            await until(lambda: len(sandbox.pids) == sandbox.slots)
        assert [end.pid for end in sandbox.exits] == pids[:2]


async def test_a_work_whose_child_has_no_successor_takes_another_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Playground(2) as sandbox:
        pids = [await pid_for(sandbox, owner) for owner in "ab"]

        async def fail(*_: object) -> Child:
            monkeypatch.undo()
            raise start_failed("there is no room for it")

        monkeypatch.setattr(Child, "start", fail)
        await pid_for(sandbox, "c")
        ended = [end.pid for end in sandbox.exits if end.reason == Reason.OTHER_OWNER]
        assert ended == pids


async def test_many_works_of_one_owner_do_not_hold_up_another_s() -> None:
    served: list[str] = []

    async def ask(sandbox: Playground, owner: str) -> None:
        await pid_for(sandbox, owner)
        served.append(owner)

    async with Playground() as sandbox, asyncio.TaskGroup() as group:
        for owner in 20 * "a" + "bb":
            group.create_task(ask(sandbox, owner))
            await asyncio.sleep(0)
        before = len(served)
    assert served.index("b") <= before + 2 + pool.PASSED_MOST
    assert served[-1] == "a"


async def test_who_waits_is_passed_for_the_owner_s_sake_a_few_times_at_most() -> None:
    served: list[str] = []

    async def ask(sandbox: Playground, owner: str) -> None:
        await pid_for(sandbox, owner)
        served.append(owner)

    async with Playground() as sandbox, asyncio.TaskGroup() as group:
        for owner in "ab" + 9 * "a":
            group.create_task(ask(sandbox, owner))
            await asyncio.sleep(0)
    assert served.index("b") == 1 + pool.PASSED_MOST
