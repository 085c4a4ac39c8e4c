"""When batches are sent: at times of their own (open loop), or after each other (closed loop)."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable

Send = Callable[[float], Awaitable[None]]  # is told when it was due, in Unix time
Tasks = set[asyncio.Task[None]]


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Return the seconds after the start at which batches are sent: the same for the same seed.

    The gaps are exponential, as those of many callers who know nothing of each other.
    """
    chance = random.Random(seed)  # noqa: S311 - arrivals, no secrets
    times: list[float] = []
    now = chance.expovariate(rate)
    while now < seconds:
        times.append(now)
        now += chance.expovariate(rate)
    return times


async def open_loop(times: Iterable[float], send: Send) -> Tasks:
    """Send at these times, whether what was sent before has ended or not; gives what is under way.

    One that is sent late because this process is busy was due at its time all the same, so that
    its wait counts.
    """
    began = time.time()
    tasks: Tasks = set()
    for after in times:
        await asyncio.sleep(max(0.0, began + after - time.time()))
        tasks.add(asyncio.ensure_future(_sent(send, began + after)))
    return tasks


async def closed_loop(clients: int, seconds: float, send: Send) -> Tasks:
    """Let so many clients send the next when the last has ended; returns what is under way."""
    until = time.time() + seconds

    async def client() -> None:
        while (now := time.time()) < until:
            await send(now)

    tasks = {asyncio.ensure_future(client()) for _ in range(clients)}
    await asyncio.sleep(seconds)
    return tasks


async def _sent(send: Send, due: float) -> None:
    await send(due)
