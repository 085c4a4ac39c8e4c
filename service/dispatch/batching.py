"""Combines many small requests for one costly operation into fewer, larger ones.

While a batch is under way, the requests that arrive wait together for the next one: under
load a commit or a round trip serves many of them, and a lone request waits for nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Hands items to `work` in batches of at most `most`, one batch at a time.

    Two batches begin at least `pace()` seconds apart, so that more of them are full; what
    comes after a pause does not wait. An answer that is an error is raised to its submitter.
    Whatever ends a batch, everybody in it is answered, and the next one is begun. For a `blamable`
    error one item may be to blame: then each is worked on alone, so that the others do not suffer.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int = 256,
        pace: Callable[[], float] = lambda: 0,
        blamable: tuple[type[Exception], ...] = (),
    ) -> None:
        self._work = work
        self._most = most
        self._pace = pace
        self._blamable = blamable
        self._began = -inf  # the loop's clock may have begun a moment ago
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._runner: asyncio.Task[None] | None = None

    def submit(self, item: Item) -> "asyncio.Future[Answer]":
        """Return one item to the next batch; the future has its answer, or what `work` raised."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return answer

    @property
    def waiting(self) -> int:
        """How many items wait for the next batch."""
        return len(self._waiting)

    async def close(self) -> None:
        """Wait until everything that was submitted is answered."""
        if self._runner is not None:
            await self._runner

    async def _run(self) -> None:
        try:
            await self._work_off()
        except BaseException as error:  # whoever still waits would wait forever
            left, self._waiting = self._waiting, []
            _tell(left, [error if isinstance(error, Exception) else _lost()] * len(left))
            raise
        finally:
            self._runner = None

    async def _work_off(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # who is about to submit comes along
        while self._waiting:
            if (early := self._began + self._pace() - loop.time()) > 0:
                await asyncio.sleep(early)
            # else it is under way before those run who were answered: they take their time
            self._began = loop.time()
            batch = self._waiting[: self._most]
            del self._waiting[: self._most]
            await self._answer(batch)

    async def _answer(self, batch: list[tuple[Item, "asyncio.Future[Answer]"]]) -> None:
        answers: Sequence[Answer | Exception] = [_lost()] * len(batch)
        try:
            answers = await self._work_on([item for item, _ in batch])
        except Exception as error:  # it is for those who asked
            answers = [error] * len(batch)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # else something that it waited for was cancelled
        finally:
            _tell(batch, answers)

    async def _work_on(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        try:
            answers = await self._work(items)
        except self._blamable as error:
            if len(items) == 1:
                return [error]
            return [(await self._work_on([item]))[0] for item in items]
        if len(answers) != len(items):
            raise ValueError(f"expected {len(items)} answers, got {len(answers)}")
        return answers


def _lost() -> Exception:
    return ConnectionAbortedError("the batch was cancelled")


def _tell(
    batch: list[tuple[Item, "asyncio.Future[Answer]"]], answers: Sequence[Answer | Exception]
) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
