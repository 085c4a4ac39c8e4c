"""What takes much memory waits for it, and nothing else waits for that."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from service.errors import RenderCrashed
from service.sandbox.parent import Budget, memory_for_works, memory_limit, resting_children
from service.sandbox.setup import engine_limits, sandbox_limits, worker_budget
from service.settings import Settings
from tests.service.sandbox.sandboxes import Playground, told, until

MIB = 1 << 20
TOTAL = 1000 * MIB  # with two slots: 250 each, and 500 to share


@pytest.fixture
async def pair() -> AsyncIterator[Playground]:
    async with Playground(2, budget=Budget(TOTAL, 2)) as sandbox:
        yield sandbox


def weigh(sandbox: Playground, mib: int, seconds: float = 0.0) -> "asyncio.Task[list[object]]":
    act = {"do": "weigh", "peak": mib * MIB, "seconds": seconds}
    return asyncio.create_task(sandbox.ask(act))


async def test_what_fits_goes_side_by_side(pair: Playground) -> None:
    async with pair.playing({"do": "weigh", "peak": 400 * MIB}) as first:
        assert [told(result) for result in await first.take()]
        assert await weigh(pair, 500)  # 150 + 250 of 500


async def test_what_does_not_fit_waits_and_blocks_nobody(pair: Playground) -> None:
    heavy = [weigh(pair, 700, 0.3)]
    await until(lambda: pair.budget.taken > 0)
    heavy += [weigh(pair, mib) for mib in (600, 300)]  # the last would fit, but has its turn
    await until(lambda: (pair.budget.waiting, pair.busy) == (2, 1))
    assert (pair.waiting, pair.free) == (2, 1)
    for _ in range(3):
        assert await weigh(pair, 250)
        assert await pair.ask_one("tell", said=1)
    assert not any(task.done() for task in heavy)
    pids = [answer for task in heavy for answer in await task]
    assert len(pids) == 3
    assert pair.budget.waiting == 0


async def test_more_than_all_goes_alone_in_its_lane(pair: Playground) -> None:
    most = weigh(pair, 5000, 0.3)
    await until(lambda: pair.budget.taken > 0)
    next_one = weigh(pair, 300)
    await until(lambda: pair.budget.waiting == 1)
    assert await weigh(pair, 200)
    assert not most.done()
    assert await next_one
    assert most.done()


async def test_who_leaves_gives_back_what_it_had_or_waited_for(pair: Playground) -> None:
    holding = weigh(pair, 750, 600)
    await until(lambda: pair.budget.taken > 0)
    waiting = weigh(pair, 750)
    await until(lambda: pair.budget.waiting == 1)
    behind = weigh(pair, 400)
    await until(lambda: pair.budget.waiting == 2)
    waiting.cancel()
    holding.cancel()
    assert await behind
    assert await weigh(pair, 750)
    assert pair.budget.waiting == 0


async def test_a_work_is_notified_when_it_waits(pair: Playground) -> None:
    async def play(waits: list[bool], **act: object) -> list[object]:
        async with pair.playing(act, on_waiting=waits.append) as rendering:
            return [told(result) async for result in rendering]

    slow: list[bool] = []
    sleeping = asyncio.create_task(play(slow, do="sleep", seconds=600))
    await until(lambda: slow == [False])  # long before its first result
    sleeping.cancel()
    holding = weigh(pair, 750, 600)
    await until(lambda: pair.budget.taken > 0)
    heavy: list[bool] = []
    postponed = asyncio.create_task(play(heavy, do="weigh", peak=750 * MIB))
    await until(lambda: heavy == [False, True])
    holding.cancel()
    assert await postponed
    assert heavy == [False, True, False]


async def test_a_child_that_asks_out_of_turn_is_replaced(pair: Playground) -> None:
    wants = {
        "do": "send_message",
        "type": "AdmissionRequest",
        "peak_bytes": 600 * MIB,
        "seconds": 0,
    }
    with pytest.raises(RenderCrashed, match="protocol"):
        await pair.ask({"do": "tell"}, wants)


def group(root: Path, path: str, name: str, words: str) -> None:
    (root / path).mkdir(parents=True, exist_ok=True)
    (root / path / name).write_text(words)


def test_the_lowest_limit_of_all_groups_counts(tmp_path: Path) -> None:
    group(tmp_path, "a", "memory.max", f"{3000 * MIB}\n")
    group(tmp_path, "a/b", "memory.max", "max\n")
    group(tmp_path, "memory/x", "memory.limit_in_bytes", f"{2000 * MIB}\n")
    machine = 9000 * MIB
    assert memory_limit("0::/a/b\n", tmp_path, machine) == 3000 * MIB
    assert memory_limit("4:cpu,memory:/x/y\n1:cpu:/\n0::/\n", tmp_path, machine) == 2000 * MIB
    assert memory_limit("0::/elsewhere\n", tmp_path, machine) == machine
    group(tmp_path, ".", "memory.max", f"{1000 * MIB}\n")  # as a container sees its own
    assert memory_limit("0::/host/path\n", tmp_path, machine) == 1000 * MIB
    assert 0 < memory_limit() <= 2**50


def test_limits_are_within_the_budget() -> None:
    settings = Settings(database_url="", redis_url="", memory_bytes=1024 * MIB)
    budget = worker_budget(settings, 2)
    assert budget.resting == resting_children(1024 * MIB, settings.resting_children) == 2
    assert budget.total == memory_for_works(1024 * MIB, 2, 2) == (1024 - 192 - 3 * 64 - 64) * MIB
    assert budget.free_bytes == budget.total // 6
    assert engine_limits(settings, budget).max_memory_bytes == budget.total
    limits = sandbox_limits(settings, budget)
    assert limits.memory_bytes == budget.total
    assert limits.resident_bytes == 64 * MIB + budget.total // 12
    assert sandbox_limits(settings).memory_bytes == settings.child_memory_bytes
    shared = msgspec.structs.replace(settings, isolate_services=False)
    assert worker_budget(shared, 2).resting == 0
    assert resting_children(4096 * MIB, 3) == 3


def test_two_slots_leave_a_source_of_90_megapixels_room_in_2_gib() -> None:
    settings = Settings(database_url="", redis_url="", memory_bytes=2048 * MIB)
    assert sandbox_limits(settings, worker_budget(settings, 2)).memory_bytes >= 1500 * MIB
