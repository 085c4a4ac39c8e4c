"""Many small requests for one costly thing, answered by fewer, larger ones.

While a batch is under way, the requests that arrive wait together for the next one: under
load a commit or a round trip serves many of them, and a lone request waits for nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Hands items to `work` in batches of at most `most`, one batch at a time.

    Each batch waits `linger` seconds for more items to come.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        most: int = 256,
        linger: float = 0,
    ) -> None:
        self._work = work
        self._most = most
        self._linger = linger
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._runner: asyncio.Task[None] | None = None

    def submit(self, item: Item) -> "asyncio.Future[Answer]":
        """Give one item to the next batch; the future has its answer, or what `work` raised."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return answer

    async def close(self) -> None:
        """Wait until everything that was submitted is answered."""
        if self._runner is not None:
            await self._runner

    async def _run(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(self._linger)
                batch = self._waiting[: self._most]
                del self._waiting[: self._most]
                await self._answer(batch)
        finally:
            self._runner = None

    async def _answer(self, batch: list[tuple[Item, "asyncio.Future[Answer]"]]) -> None:
        try:
            answers = await self._work([item for item, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
