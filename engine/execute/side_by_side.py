"""Runs work in threads and yields the results in order."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from engine.cost import RESULTS_AHEAD

T = TypeVar("T")


def side_by_side(
    work: Callable[[int], T],
    items: Sequence[int],
    threads: int,
    failed: Callable[[T], bool],
    start_over: Callable[[], None],
) -> Generator[T, None, None]:
    """Do the work of each item in a thread, and yield the results in the items' order.

    No more than RESULTS_AHEAD items are begun beyond the one whose result is awaited, so that one
    that takes long keeps no thread from working. From the first that `failed` on, all are done
    once more after `start_over`, one after the other: what a library says of a failure may have
    been said of what another thread did.
    """
    begun: deque[Future[T]] = deque()
    left = iter(items)
    alone = False
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            if alone:
                yield work(item)
                continue
            while len(begun) <= RESULTS_AHEAD and (following := next(left, None)) is not None:
                begun.append(pool.submit(work, following))
            result = begun.popleft().result()
            if failed(result):
                alone = True
                wait([future for future in begun if not future.cancel()])
                start_over()
                result = work(item)
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
