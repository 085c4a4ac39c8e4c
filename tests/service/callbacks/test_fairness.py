"""A receiver that hangs costs its own service some time, and nobody else any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from service.callbacks import Sender
from service.callbacks.circuit_breaker import CircuitBreaker
from service.callbacks.fair_share import FairShare, QueueFull, Receiver
from service.metrics import Metrics
from service.settings import Settings
from service.store import Store
from tests.service.harness.receiver import Receiver as Server
from tests.service.harness.receiver import due, receiving, send
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import until

PLAIN = Settings(
    database_url="-", redis_url="-", callback_concurrency=6, callback_service_concurrency=4,
    callback_receiver_concurrency=2, callback_waiting=5, callback_breaker_failures=3,
    callback_breaker_seconds=10, callback_breaker_max_seconds=35, callback_seconds=7,
)  # fmt: skip


class Holding:
    """Tasks that take a slot and keep it until told otherwise."""

    def __init__(self) -> None:
        self.share = FairShare(PLAIN)
        self.held: list[Receiver] = []
        self.tasks: list[tuple[Receiver, asyncio.Task[None]]] = []

    async def ask(self, service: int, host: str, times: int = 1) -> None:
        for _ in range(times):
            receiver = Receiver(service, host)
            self.tasks.append((receiver, asyncio.create_task(self._hold(receiver))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _hold(self, receiver: Receiver) -> None:
        async with self.share.slot(receiver):
            self.held.append(receiver)
            await asyncio.Event().wait()

    async def end(self, receiver: Receiver) -> None:
        """End the first that holds a slot of this receiver."""
        self.held.remove(receiver)
        task = next(t for found, t in self.tasks if found == receiver and not t.done())
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.fixture
async def holding() -> AsyncIterator[Holding]:
    made = Holding()
    yield made
    for _, task in made.tasks:
        task.cancel()
    await asyncio.gather(*(task for _, task in made.tasks), return_exceptions=True)


async def test_a_host_a_service_and_all_together_have_their_bounds(holding: Holding) -> None:
    await holding.ask(1, "a", 5)
    assert holding.held == [Receiver(1, "a")] * 2
    await holding.ask(1, "b", 2)
    assert len(holding.held) == 4
    await holding.ask(1, "c", 2)
    assert len(holding.held) == 4
    await holding.ask(2, "a", 3)
    assert holding.held[4:] == [Receiver(2, "a")] * 2  # to the same host, but of another service
    await holding.ask(3, "d", 1)
    assert len(holding.held) == 6


async def test_a_slot_goes_to_the_service_that_has_waited_through_the_most_turns(
    holding: Holding,
) -> None:
    await holding.ask(1, "a", 2)
    await holding.ask(2, "b", 2)
    await holding.ask(3, "c", 2)
    await holding.ask(1, "x", 4)
    await holding.ask(4, "d", 1)
    await holding.ask(5, "e", 1)
    for receiver in (Receiver(2, "b"), Receiver(3, "c"), Receiver(2, "b")):
        await holding.end(receiver)
    assert sorted(receiver.service_id for receiver in holding.held[-3:]) == [1, 4, 5]


async def test_those_who_wait_are_bounded_and_may_leave(holding: Holding) -> None:
    await holding.ask(1, "a", 2)
    await holding.ask(1, "a", 5)
    with pytest.raises(QueueFull):
        async with holding.share.slot(Receiver(1, "b")):
            pass
    for _, task in holding.tasks[2:]:
        task.cancel()
    await asyncio.wait([task for _, task in holding.tasks[2:]])
    await holding.end(Receiver(1, "a"))
    await holding.ask(1, "b", 2)
    assert holding.held == [Receiver(1, "a"), Receiver(1, "b"), Receiver(1, "b")]
    for receiver in list(holding.held):
        await holding.end(receiver)
    await holding.ask(7, "a", 2)
    await holding.ask(7, "b", 2)
    await holding.ask(8, "a", 2)
    assert len(holding.held) == 6  # every slot came back


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_breaker_opens_tries_one_and_closes() -> None:
    clock = Clock()
    breaker, receiver = CircuitBreaker(PLAIN, clock), Receiver(1, "a")
    for _ in range(2):
        assert breaker.begin(receiver) == 0
        breaker.failed(receiver)
    assert breaker.begin(receiver) == 0
    breaker.failed(receiver)
    assert 9 <= breaker.pause(receiver) <= 11
    assert breaker.pause(Receiver(2, "a")) == breaker.pause(Receiver(1, "b")) == 0
    for least, most in ((18, 22), (31.5, 38.5), (31.5, 38.5)):
        clock.now += breaker.pause(receiver)
        assert breaker.begin(receiver) == 0
        assert breaker.begin(receiver) == 7  # while one tries, the others are kept away
        breaker.failed(receiver)
        assert least <= breaker.pause(receiver) <= most
    clock.now += breaker.pause(receiver)
    assert breaker.begin(receiver) == 0
    breaker.succeeded(receiver)
    assert breaker.begin(receiver) == breaker.begin(receiver) == 0


def test_failures_between_successes_open_nothing() -> None:
    breaker, receiver = CircuitBreaker(PLAIN, Clock()), Receiver(1, "a")
    for _ in range(5):
        breaker.failed(receiver)
        breaker.failed(receiver)
        breaker.succeeded(receiver)
        assert breaker.pause(receiver) == 0


@asynccontextmanager
async def sending(store: Store, settings: Settings) -> AsyncIterator[tuple[Sender, Metrics]]:
    metrics = Metrics(version="x", libvips="x")
    sender = Sender(store, settings, metrics)
    yield sender, metrics
    sender.close()


@pytest.fixture
async def hanging() -> AsyncIterator[Server]:
    """A receiver that takes callbacks and never answers."""
    async with receiving() as receiver:
        receiver.delay = 600
        yield receiver


async def test_a_receiver_that_hangs_makes_no_other_service_wait(
    settings: Settings,
    shared_store: Store,
    tenant: Tenant,
    stranger: Tenant,
    hanging: Server,
) -> None:
    few = msgspec.structs.replace(
        settings, callback_concurrency=5, callback_service_concurrency=4,
        callback_receiver_concurrency=2, callback_seconds=60,
    )  # fmt: skip
    async with receiving() as healthy, sending(shared_store, few) as (sender, _):
        stuck = [await due(shared_store, tenant, hanging.url) for _ in range(12)]
        others = [await due(shared_store, who, healthy.url) for who in (tenant, stranger)]
        tasks = [asyncio.create_task(send(sender, name)) for name in stuck]

        async def hold_what_they_can() -> bool:
            return len(hanging.received) == 2

        await until(hold_what_they_can)
        async with asyncio.timeout(10):
            await asyncio.gather(*(send(sender, name) for name in others))
        assert {one.headers["webhook-id"] for one in healthy.received} == set(others)
        assert len(hanging.received) == 2
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_a_receiver_that_does_not_answer_is_left_alone_and_loses_nothing(
    settings: Settings, shared_store: Store, tenant: Tenant, hanging: Server
) -> None:
    hasty = msgspec.structs.replace(
        settings, callback_seconds=0.2, callback_breaker_failures=2, callback_breaker_seconds=60
    )
    async with sending(shared_store, hasty) as (sender, metrics):
        names = [await due(shared_store, tenant, hanging.url) for _ in range(5)]
        for name in names:
            await send(sender, name)
    assert len(hanging.received) == 2
    labels = {"reason": "circuit_open"}
    name = "darkroom_callback_deferred_total"
    assert metrics.registry.get_sample_value(name, labels) == 3
    rows = await shared_store.pool.fetch(
        "SELECT status, tries, due_at > now() + interval '50 seconds' AS later "
        "FROM deliveries WHERE id = ANY($1) ORDER BY tries, due_at",
        names,
    )
    assert [tuple(row) for row in rows[:3]] == [("PENDING", 0, True)] * 3
    assert [row["tries"] for row in rows[3:]] == [1, 1]


async def test_a_receiver_that_is_left_alone_takes_nobodys_turn(
    settings: Settings, shared_store: Store, tenant: Tenant, hanging: Server
) -> None:
    patient = msgspec.structs.replace(
        settings, callback_seconds=60, callback_service_concurrency=1, callback_breaker_failures=1
    )
    async with sending(shared_store, patient) as (sender, _):
        nowhere = "http://127.0.0.1:1/"
        await send(sender, await due(shared_store, tenant, nowhere))
        name = await due(shared_store, tenant, hanging.url)
        holding = asyncio.create_task(send(sender, name))
        await hanging.arrived.wait()
        async with asyncio.timeout(10):
            await send(sender, await due(shared_store, tenant, nowhere))
        holding.cancel()
        await asyncio.wait([holding])


async def test_what_is_defer_for_days_is_given_up(
    settings: Settings, shared_store: Store, tenant: Tenant, hanging: Server
) -> None:
    hasty = msgspec.structs.replace(settings, callback_seconds=0.2, callback_breaker_failures=1)
    async with sending(shared_store, hasty) as (sender, _):
        first, second = [await due(shared_store, tenant, hanging.url) for _ in range(2)]
        await send(sender, first)
        days = "UPDATE deliveries SET created_at = now() - interval '5 days' WHERE id = $1"
        await shared_store.pool.execute(days, second)
        await send(sender, second)
    status = "SELECT status FROM deliveries WHERE id = $1"
    assert await shared_store.pool.fetchval(status, first) == "PENDING"
    assert await shared_store.pool.fetchval(status, second) == "FAILED"


async def test_too_many_of_one_service_come_back_later(
    settings: Settings, shared_store: Store, tenant: Tenant, hanging: Server
) -> None:
    narrow = msgspec.structs.replace(
        settings, callback_receiver_concurrency=1, callback_waiting=1, callback_seconds=60
    )
    async with sending(shared_store, narrow) as (sender, metrics):
        names = [await due(shared_store, tenant, hanging.url) for _ in range(3)]
        tasks = [asyncio.create_task(send(sender, name)) for name in names]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        assert len(done) == 1
        labels = {"reason": "queue_full"}
        name = "darkroom_callback_deferred_total"
        assert metrics.registry.get_sample_value(name, labels) == 1
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
