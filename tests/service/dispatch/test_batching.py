"""Batches: one at a time, everybody gets their own answer, nobody waits for nothing."""

import asyncio
from collections.abc import Sequence

import pytest

from service.dispatch import Batcher

CLOCK_STEP = 0.002  # by which a timer may be early


class Work:
    """Squares numbers once the gate is open, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0
        self.most_running = 0
        self.squares = True

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if -1 in items:
                raise ValueError(f"{len(items)} items")
            return [item * item for item in items] if self.squares else items
        finally:
            self.running -= 1


@pytest.fixture
def work() -> Work:
    return Work()


async def started(work: Work, batches: int) -> None:
    async with asyncio.timeout(60):
        while len(work.batches) < batches:
            await asyncio.sleep(0)


async def test_everybody_gets_their_own_answer(work: Work) -> None:
    batcher = Batcher(work)
    answers = await asyncio.gather(*(batcher.submit(i) for i in range(100)))
    assert answers == [i * i for i in range(100)]


async def test_a_lone_item_is_a_batch_of_its_own(work: Work) -> None:
    batcher = Batcher(work)
    assert [await batcher.submit(2), await batcher.submit(3)] == [4, 9]
    assert work.batches == [[2], [3]]


async def test_what_arrives_during_a_batch_waits_together_for_the_next(work: Work) -> None:
    batcher = Batcher(work, most=4)
    work.gate.clear()
    first = batcher.submit(1)
    await started(work, 1)
    rest = [batcher.submit(i) for i in range(2, 12)]
    await asyncio.sleep(0.01)
    assert work.batches == [[1]]
    work.gate.set()
    assert await asyncio.gather(first, *rest) == [i * i for i in range(1, 12)]
    assert work.batches == [[1], [2, 3, 4, 5], [6, 7, 8, 9], [10, 11]]
    assert work.most_running == 1


async def test_an_error_reaches_its_batch_and_no_other(work: Work) -> None:
    batcher = Batcher(work, most=2)
    work.gate.clear()
    first = batcher.submit(1)
    await started(work, 1)
    rest = [batcher.submit(i) for i in (-1, 3, 4, 5)]
    work.gate.set()
    answers = await asyncio.gather(first, *rest, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["1", "2 items", "2 items", "16", "25"]
    assert await batcher.submit(6) == 36


async def test_a_submitter_that_leaves_takes_nobody_along(work: Work) -> None:
    async def wait_for(item: int) -> int:
        return await batcher.submit(item)

    batcher = Batcher(work)
    work.gate.clear()
    tasks = [asyncio.create_task(wait_for(i)) for i in range(3)]
    await started(work, 1)
    waiting = asyncio.create_task(wait_for(9))
    await asyncio.sleep(0)
    tasks[1].cancel()
    waiting.cancel()
    work.gate.set()
    answers = await asyncio.gather(*tasks, waiting, return_exceptions=True)
    assert [answers[0], answers[2]] == [0, 4]
    assert isinstance(answers[1], asyncio.CancelledError)
    assert isinstance(answers[3], asyncio.CancelledError)
    assert await batcher.submit(5) == 25


async def test_everybody_of_a_failed_batch_may_have_left(work: Work) -> None:
    batcher = Batcher(work)
    work.gate.clear()
    answer = batcher.submit(-1)
    await started(work, 1)
    answer.cancel()
    work.gate.set()
    await batcher.close()
    assert await batcher.submit(2) == 4


async def test_closing_waits_for_all_that_was_submitted(work: Work) -> None:
    batcher = Batcher(work, most=1)
    answers = [batcher.submit(i) for i in range(3)]
    await batcher.close()
    assert [answer.result() for answer in answers] == [0, 1, 4]
    await batcher.close()


async def test_an_answer_that_is_an_error_is_its_own_submitters(work: Work) -> None:
    async def judge(items: Sequence[int]) -> Sequence[int | Exception]:
        return [ValueError(item) if item < 0 else item for item in await work(items)]

    batcher = Batcher[int, int](judge)
    work.squares = False
    answers = await asyncio.gather(*map(batcher.submit, (1, -2, 3)), return_exceptions=True)
    assert [answers[0], answers[2]] == [1, 3]
    assert isinstance(answers[1], ValueError)


async def test_batches_begin_apart_but_a_lone_one_does_not_wait(work: Work) -> None:
    loop, began = asyncio.get_running_loop(), []

    async def note(items: Sequence[int]) -> Sequence[int]:
        began.append(loop.time())
        return await work(items)

    seconds = 1e12  # longer than any machine has been up
    batcher = Batcher(note, pace=lambda: seconds)
    assert await batcher.submit(1) == 1
    seconds = 0.05
    assert await asyncio.gather(*map(batcher.submit, (2, 3))) == [4, 9]
    assert work.batches == [[1], [2, 3]]
    assert began[1] - began[0] >= seconds - CLOCK_STEP


async def test_nobody_hangs_when_a_batch_is_cancelled(work: Work) -> None:
    """By what it waited for, or with its task; those that wait behind are answered too."""
    cancels = asyncio.Event()

    async def work_on(items: Sequence[int]) -> Sequence[int]:
        if 0 in items:
            raise asyncio.CancelledError
        if 1 in items:
            await cancels.wait()
        return await work(items)

    batcher = Batcher(work_on, most=1)
    answers = await asyncio.gather(*map(batcher.submit, (0, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionAbortedError, int]
    others = asyncio.all_tasks()  # of servers that tests share, too
    waiting = [batcher.submit(item) for item in (1, 3)]
    (runner,) = asyncio.all_tasks() - others
    await asyncio.sleep(0)
    runner.cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionAbortedError] * 2
    assert await batcher.submit(4) == 16


async def test_too_few_answers_are_an_error_of_the_batch() -> None:
    async def lose(items: Sequence[int]) -> Sequence[int]:
        return items[1:]

    answers = await asyncio.gather(Batcher(lose).submit(1), return_exceptions=True)
    assert isinstance(answers[0], ValueError)
