"""Threads that work in groups: what they take, and who is held up by whom."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from service.storage import group_threads
from service.storage.group_threads import GroupThreads

Groups = list[list[int]]


def held_up(groups: Groups, held: threading.Event) -> GroupThreads[int, int]:
    """Return threads of which the one that works on 0 is held up."""

    def work(items: Sequence[int]) -> list[int | Exception]:
        groups.append([*items])
        if 0 in items:
            held.wait(10)
        return [LookupError("odd") if item % 2 else item * 10 for item in items]

    return GroupThreads("test", work)


async def test_what_waits_is_taken_in_one_go_and_an_error_is_of_one_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_threads, "PATIENCE_SECONDS", 60)
    groups, held = Groups(), threading.Event()
    threads = held_up(groups, held)
    first = threads.submit(0)
    while not groups:
        await asyncio.sleep(0.001)
    others = [threads.submit(item) for item in range(2, 30)]
    held.set()
    answers = await asyncio.gather(first, *others, return_exceptions=True)
    assert groups == [[0], [*range(2, 18)], [*range(18, 30)]]
    assert answers[:2] == [0, 20]
    assert [type(answer) for answer in answers[2:4]] == [LookupError, int]


async def test_a_thread_that_hangs_holds_up_nobody_but_its_group() -> None:
    groups, held = Groups(), threading.Event()
    threads = held_up(groups, held)
    hanging = threads.submit(0)
    while not groups:
        await asyncio.sleep(0.001)
    try:
        assert await threads.submit(2) == 20
        assert not hanging.done()
    finally:
        held.set()
    await hanging


async def test_threads_without_work_end_and_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_threads, "IDLE_SECONDS", 0.01)
    threads = GroupThreads[int, str](
        "short", lambda items: [threading.current_thread().name] * len(items)
    )
    for _ in range(2):
        assert await threads.submit(1) == "short"
        while any(thread.name == "short" for thread in threading.enumerate()):
            await asyncio.sleep(0.01)


async def test_an_answer_for_which_nobody_waits_is_discarded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_threads, "PATIENCE_SECONDS", 60)  # one thread, one order
    discarded: list[int] = []
    held = threading.Event()
    threads = GroupThreads[int, int](
        "test", lambda items: [held.wait(10) and item for item in items], discarded.append
    )
    abandoned, awaited = threads.submit(1), threads.submit(2)
    abandoned.cancel()
    held.set()
    assert await awaited == 2
    assert discarded == [1]


async def test_threads_that_the_system_refuses_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_threads, "MOST_THREADS", 1)  # none comes that is not wanted here
    monkeypatch.setattr(group_threads, "PATIENCE_SECONDS", 0.001)
    groups, held = Groups(), threading.Event()
    threads = held_up(groups, held)
    refused: list[threading.Thread] = []
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", lambda thread: _refuse(thread, refused))
        for _ in range(2):
            with pytest.raises(RuntimeError, match="no more threads"):
                threads.submit(4)
    hanging = threads.submit(0)
    while not groups:
        await asyncio.sleep(0.001)
    monkeypatch.setattr(group_threads, "MOST_THREADS", 2)
    try:
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", lambda thread: _refuse(thread, refused))
            waiting = threads.submit(2)
            while len(refused) < 4:
                assert not waiting.done()
                await asyncio.sleep(0.001)
        assert await asyncio.wait_for(waiting, 10) == 20
    finally:
        held.set()
    await hanging
    assert groups == [[0], [2]]


def _refuse(thread: threading.Thread, refused: list[threading.Thread]) -> None:
    refused.append(thread)
    raise RuntimeError("no more threads")
