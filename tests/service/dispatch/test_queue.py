"""Dispatch on a real Valkey: woken, in order of priority, no slot lost, repeatable."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from service.dispatch import (
    RENDER,
    Backlog,
    Capacity,
    Dispatch,
    Duty,
    Queue,
    Worker,
    connect,
    unclaimed,
)
from service.embedded import Valkey
from service.tasks import stop

Claim = Callable[[Sequence[Dispatch]], Awaitable[Sequence[Dispatch]]]
Work = Callable[[Dispatch], Awaitable[None]]
Overdue = Callable[[int], Awaitable[Sequence[Dispatch]]]


async def nothing(_: int) -> Sequence[Dispatch]:
    return ()


@asynccontextmanager
async def running(
    url: str,
    work: Work,
    claim: Claim = unclaimed,
    *,
    slots: int = 2,
    least: int = 1,
    poll: float = 5,
    overdue: Overdue = nothing,
    on_garbage: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[Worker[Dispatch]]:
    redis = connect(url)
    worker = Worker(
        redis,
        RENDER,
        Duty(claim, work, unavailable=(LookupError,)),
        Capacity(lambda: (slots, least)),
        Backlog(overdue, poll_seconds=poll, overdue_seconds=0.05),
        on_garbage=on_garbage,
    )
    task = asyncio.create_task(worker.main())
    try:
        yield worker
    finally:
        await worker.drain(0)
        await stop(task)
        await redis.aclose()


class Recorder:
    """Work that writes down what it was given."""

    def __init__(self, takes: float = 0) -> None:
        self.seen: list[str] = []
        self.takes = takes

    async def __call__(self, dispatch: Dispatch) -> None:
        self.seen.append(dispatch.name)
        await asyncio.sleep(self.takes)

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.seen) < count:
                await asyncio.sleep(0.005)


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    redis = connect(redis_url)
    yield Queue(redis, RENDER, 100)
    await redis.aclose()


async def test_an_idle_worker_is_woken_long_before_it_polls(queue: Queue, redis_url: str) -> None:
    work = Recorder()
    async with running(redis_url, work, poll=60):
        await queue.dispatch([Dispatch("a", 0)])
        await work.wait_for(1)
    assert work.seen == ["a:0"]


async def test_a_freed_slot_takes_the_next_at_once(queue: Queue, redis_url: str) -> None:
    work = Recorder(takes=0.01)
    async with running(redis_url, work, slots=1, poll=60):
        await queue.dispatch([Dispatch(str(i), 0) for i in range(20)])
        await work.wait_for(20)
    assert sorted(work.seen) == sorted(f"{i}:0" for i in range(20))


async def test_priorities_go_first_and_each_class_in_order(queue: Queue, redis_url: str) -> None:
    waiting = [("f", -1), ("e", 0), ("d", 1), ("c", -1), ("b", 0), ("a", 1)]
    await queue.dispatch([Dispatch(name, 0, priority) for name, priority in waiting])
    work = Recorder()
    async with running(redis_url, work, slots=1):
        await work.wait_for(6)
    assert work.seen == ["d:0", "a:0", "e:0", "b:0", "f:0", "c:0"]


async def test_asserting_a_waiting_dispatch_again_runs_it_once(
    queue: Queue, redis_url: str
) -> None:
    for _ in range(3):
        await queue.dispatch([Dispatch("a", 0)])
    await queue.dispatch([Dispatch("last", 0)])
    work = Recorder()
    async with running(redis_url, work, slots=1):
        await work.wait_for(2)
        await asyncio.sleep(0.05)
    assert work.seen == ["a:0", "last:0"]


class Claimant:
    """Claims all but what it is told to leave, and remembers what it was given at once."""

    def __init__(self, *left: str) -> None:
        self.given: list[list[str]] = []
        self.left = left
        self.unavailable = False

    async def __call__(self, dispatches: Sequence[Dispatch]) -> Sequence[Dispatch]:
        self.given.append([dispatch.name for dispatch in dispatches])
        if self.unavailable:
            raise LookupError("whatever it claims from is unavailable")
        return [dispatch for dispatch in dispatches if dispatch.id not in self.left]


async def test_as_much_as_there_is_room_for_is_claimed_at_once(
    queue: Queue, redis_url: str
) -> None:
    await queue.dispatch([Dispatch(str(i), 0) for i in range(7)])
    work, claim, going = Recorder(), Claimant("1"), asyncio.Event()

    async def work_on(dispatch: Dispatch) -> None:
        await work(dispatch)
        await going.wait()

    async with running(redis_url, work_on, claim, slots=4, least=3, poll=0.01):
        await work.wait_for(3)
        await asyncio.sleep(0.1)
        assert claim.given == [["0:0", "1:0", "2:0", "3:0"]]  # one slot is not worth a claim
        going.set()
        await work.wait_for(6)
    assert claim.given[1] == ["4:0", "5:0", "6:0"]
    assert work.seen == ["0:0", "2:0", "3:0", "4:0", "5:0", "6:0"]


async def test_what_cannot_be_claimed_now_keeps_its_place(
    queue: Queue, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.dispatch.worker.PAUSE_SECONDS", 0.01)
    await queue.dispatch([Dispatch(name, 0) for name in "cba"])
    work, claim = Recorder(), Claimant()
    claim.unavailable = True
    async with running(redis_url, work, claim, poll=0.01):
        async with asyncio.timeout(60):
            while len(claim.given) < 3:
                await asyncio.sleep(0.005)
        claim.unavailable = False
        await work.wait_for(3)
    assert claim.given[:3] == [["c:0", "b:0"]] * 3
    assert work.seen == ["c:0", "b:0", "a:0"]


async def test_what_is_no_dispatch_is_dropped_and_counted(queue: Queue, redis_url: str) -> None:
    words = ["", "7", "a:b:c", "1:p:", "1:a\0b:0", "1:a b:0", f"1:{'9' * 9}:{'9' * 30}"]
    garbage = [b"\xff", *(word.encode() for word in words)]
    redis, work, dropped = connect(redis_url), Recorder(), list[int]()
    async with redis.pipeline() as pipe:
        for member in garbage:
            pipe.zadd(RENDER, {member: 0.0})
        pipe.hset(f"{RENDER}:spilled", "x", "y")
        pipe.hset(f"{RENDER}:clocks", "now:1", "z")
        await pipe.execute()
    await redis.aclose()
    await queue.dispatch([Dispatch("a", 0)])
    async with running(redis_url, work, slots=100, poll=0.01, on_garbage=dropped.append):
        await work.wait_for(1)
    assert work.seen == ["a:0"]
    assert sum(dropped) == len(garbage)
    assert await queue.refill([], {}, await queue.spilled()) == 0
    assert not await queue.spilled()


async def test_a_new_run_is_a_new_dispatch(queue: Queue, redis_url: str) -> None:
    work = Recorder(takes=0.2)
    async with running(redis_url, work):
        await queue.dispatch([Dispatch("a", 0)])
        await work.wait_for(1)
        await queue.dispatch([Dispatch("a", 1)])
        await work.wait_for(2)
    assert work.seen == ["a:0", "a:1"]


async def test_two_workers_share_the_work_and_repeat_nothing(queue: Queue, redis_url: str) -> None:
    work = Recorder(takes=0.005)
    async with running(redis_url, work), running(redis_url, work):
        await queue.dispatch([Dispatch(str(i), 0) for i in range(50)])
        await work.wait_for(50)
        await asyncio.sleep(0.05)
    assert len(work.seen) == len(set(work.seen)) == 50


async def test_a_worker_outlives_its_redis_and_keeps_its_slots(tmp_path: Path) -> None:
    work = Recorder(takes=0.05)
    async with Valkey(tmp_path / "v") as first:
        url = first.url
        redis = connect(url)
        async with running(url, work, slots=2, poll=0.05) as worker:
            queue = Queue(redis, RENDER, 100)
            await queue.dispatch([Dispatch(f"before{i}", 0) for i in range(10)])
            await work.wait_for(2)
            await first.stop()
            await asyncio.sleep(0.3)
            async with Valkey(tmp_path / "v"):
                await redis.flushall()
                await queue.dispatch([Dispatch(f"after{i}", 0) for i in range(10)])
                async with asyncio.timeout(60):
                    while sum(name.startswith("after") for name in work.seen) < 10:
                        await asyncio.sleep(0.01)
                    while worker.in_hand:
                        await asyncio.sleep(0.01)
        await redis.aclose()


async def test_a_drained_worker_finishes_what_it_has_and_takes_nothing_more(
    queue: Queue, redis_url: str
) -> None:
    begun, draining, finished = asyncio.Event(), asyncio.Event(), []

    async def work(dispatch: Dispatch) -> None:
        begun.set()
        await draining.wait()
        finished.append(dispatch.name)

    async with running(redis_url, work, slots=1, poll=0.01) as worker:
        await queue.dispatch([Dispatch("a", 0), Dispatch("b", 0)])
        await begun.wait()
        drain = asyncio.create_task(worker.drain(20))
        draining.set()
        await drain
        await asyncio.sleep(0.1)
    assert finished == ["a:0"]


async def test_a_drain_cancels_what_takes_longer_than_its_grace(
    queue: Queue, redis_url: str
) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def work(_: Dispatch) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with running(redis_url, work) as worker:
        await queue.dispatch([Dispatch("a", 0)])
        await begun.wait()
        await worker.drain(0.1)
        assert cancelled.is_set()


async def test_what_a_queue_does_not_give_is_taken_from_where_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is empty, hangs, is out of reach, and is there again."""
    monkeypatch.setattr("service.dispatch.worker.POP_SECONDS", 0.1)
    left = [Dispatch(f"left{i}", 0) for i in range(12)]
    work = Recorder()

    async def overdue(most: int) -> Sequence[Dispatch]:
        given, left[:most] = left[:most], []
        return given

    async with Valkey(tmp_path / "v") as valkey:
        redis = connect(valkey.url)
        queue = Queue(redis, RENDER, 100)
        async with running(valkey.url, work, slots=2, poll=0.01, overdue=overdue):
            await work.wait_for(12)
            server = psutil.Process((await redis.info("server"))["process_id"])
            server.suspend()
            left += [Dispatch("hanging", 0)]
            await work.wait_for(13)
            server.resume()
            await valkey.kill()
            left += [Dispatch("gone", 0)]
            await work.wait_for(14)
            await valkey.start()
            await queue.dispatch([Dispatch("back", 0)])
            await work.wait_for(15)
        await redis.aclose()
    assert work.seen[12:] == ["hanging:0", "gone:0", "back:0"]
