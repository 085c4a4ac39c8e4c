"""Threads that work in groups: one takes all that waits, and answers all of it at once.

A thread and the event loop wake each other once for a group, not once for each of its items, and
fewer threads want the interpreter's lock: that, not the work, is what small files cost.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

MOST_THREADS = 8
MOST_TOGETHER = 16  # items
PATIENCE_SECONDS = 0.005  # that something waits while the only thread is busy, until there are two
PATIENCE_GROWS = 4  # times, with every thread
IDLE_SECONDS = 10.0  # until a thread without work ends

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Waiting = tuple[Item, asyncio.Future[Answer]]


class GroupThreads(Generic[Item, Answer]):
    """Threads of one name for one kind of work; they come when they are needed, and go.

    `work` is called in one of them with one item at least and gives an answer or an error for
    each; what it raises is for all. Another thread is started when nothing was taken for a while
    because all are busy. `discard` is given the answers for which nobody waits any more.
    All items are submitted from the same loop.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Item]], Sequence[Answer | Exception]],
        discard: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._work = work
        self._discard = discard
        self._waiting: SimpleQueue[Waiting[Item, Answer]] = SimpleQueue()
        self._changing = Lock()
        self._threads = 0
        self._groups = 0  # that were taken so far
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, item: Item) -> "asyncio.Future[Answer]":
        """Have an item worked on; the future has its answer, or what was raised.

        Raises RuntimeError, and nothing is done, if the system allows not even one thread.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        with self._changing:  # no thread ends meanwhile
            if not self._threads:
                self._start()
            self._waiting.put((item, answer))
        if self._timer is None:
            self._look_later()
        return answer

    def _look_later(self) -> None:
        patience = PATIENCE_SECONDS * PATIENCE_GROWS ** max(0, self._threads - 1)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(patience, self._look, self._groups)

    def _look(self, groups: int) -> None:
        """Start another thread if something waits and no group was taken since the last look."""
        self._timer = None
        with self._changing:
            if self._waiting.empty():
                return
            if self._groups == groups and self._threads < MOST_THREADS:
                with suppress(RuntimeError):  # the system allows no more: those that are go on
                    self._start()
        self._look_later()

    def _start(self) -> None:
        Thread(target=self._serve, name=self._name, daemon=True).start()
        self._threads += 1

    def _serve(self) -> None:
        """Work on group after group, until there is nothing for a while."""
        while True:
            try:
                first = self._waiting.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._changing:
                    if self._waiting.empty():
                        self._threads -= 1
                        return
                continue
            self._carry_out(self._group_of(first))
            del first  # what it holds may be large, and the next may come in an hour

    def _group_of(self, first: Waiting[Item, Answer]) -> list[Waiting[Item, Answer]]:
        """Take what waits beside the first."""
        self._groups += 1
        group = [first]
        with suppress(Empty):
            while len(group) < MOST_TOGETHER:
                group.append(self._waiting.get_nowait())
        return group

    def _carry_out(self, group: list[Waiting[Item, Answer]]) -> None:
        try:
            answers = self._work([item for item, _ in group])
        except Exception as error:  # it is for those who asked
            answers = [error] * len(group)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop = group[0][1].get_loop()
            loop.call_soon_threadsafe(self._tell, [future for _, future in group], answers)

    def _tell(
        self, futures: Sequence["asyncio.Future[Answer]"], answers: Sequence[Answer | Exception]
    ) -> None:
        for future, answer in zip(futures, answers, strict=True):
            if isinstance(answer, Exception):
                if not future.done():
                    future.set_exception(answer)
            elif future.done():
                self._discard(answer)
            else:
                future.set_result(answer)
