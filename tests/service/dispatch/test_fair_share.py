"""One service's thousands do not make another's ten wait, wherever they lie."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import msgspec
import pytest
from arq.connections import ArqRedis

from service.dispatch import (
    RENDER,
    Backlog,
    Capacity,
    Dispatch,
    Duty,
    Queue,
    Refill,
    Worker,
    connect,
    unclaimed,
)
from service.dispatch.queue import CLASS_SPAN, CREDIT, clocks, flow_of
from service.embedded import Valkey
from service.metrics import Metrics
from service.settings import Settings
from service.store import Store
from service.store.database import sql
from service.tasks import stop
from tests.service.dispatch.dispatches import FEW, MANY, WINDOW, popped, services, some
from tests.service.harness.api_client import serving
from tests.service.harness.records import LEASE, new_process, record, set_row
from tests.service.harness.tenants import Tenant, add_tenant
from tests.service.harness.workers import ended, working
from tests.service.sandbox.sandboxes import until as until_now


async def test_a_worker_with_its_hands_full_takes_what_goes_before_the_others_at_once(
    redis: ArqRedis, queue: Queue
) -> None:
    taken: list[int] = []
    ends: list[asyncio.Event] = []

    async def work(dispatch: Dispatch) -> None:
        taken.append(dispatch.service_id)
        ends.append(asyncio.Event())
        await ends[-1].wait()

    async def nothing(most: int) -> list[Dispatch]:
        return []

    worker = Worker(
        redis,
        RENDER,
        Duty(unclaimed, work),
        Capacity(lambda: (4, 3)),
        Backlog(nothing, poll_seconds=0.01, overdue_seconds=60),
    )
    async with running(worker):
        await queue.dispatch(some(20, MANY, cost=10))
        await until_now(lambda: len(taken) == 4)
        ends[0].set()
        await queue.dispatch(some(2, MANY))
        await asyncio.sleep(0.1)
        assert taken == [MANY] * 4  # three must be free
        await queue.dispatch(some(2, FEW))
        await until_now(lambda: len(taken) == 6)
        assert taken[4:] == [FEW] * 2
        for _ in range(9):
            await queue.dispatch(some(1, FEW))
        await until_now(lambda: worker.in_hand == 8)
        await asyncio.sleep(0.1)
        assert taken[6:] == [FEW] * 3  # no more than twice as many as may be in hand
        for end in ends:
            end.set()


async def test_whose_lane_is_full_holds_up_nobody_and_keeps_its_order(
    redis: ArqRedis, queue: Queue
) -> None:
    taken: list[Dispatch] = []

    async def work(dispatch: Dispatch) -> None:
        taken.append(dispatch)

    async def waits(most: int) -> list[Dispatch]:
        return many[:most]

    worker = Worker(
        redis,
        RENDER,
        Duty(unclaimed, work),
        Capacity(lambda: (2, 1), lambda: {MANY}),
        Backlog(waits, poll_seconds=0.01, overdue_seconds=0.01),
    )
    few, many = some(5, FEW), some(30, MANY)
    await queue.dispatch(many)
    async with running(worker):
        await queue.dispatch(few)
        await until_now(lambda: len(taken) == 5)
        assert taken == few
    await queue.dispatch(late := some(3, MANY))
    left = [each.id for each in await popped(redis, 40)]
    assert sorted(left) == sorted(each.id for each in many + late)
    assert left[-3:] == [each.id for each in late]
    assert len(taken) == 5


async def test_what_is_put_back_for_long_stays_before_a_lower_priority(
    redis: ArqRedis, queue: Queue
) -> None:
    """Even where its flow's clock is at the end of its class, and its next start beyond that."""
    end = str(CLASS_SPAN - CREDIT / 2)
    await redis.hset(clocks(RENDER), flow_of(0, MANY), end)  # type: ignore[misc]
    await queue.dispatch(some(2, MANY, cost=CREDIT))
    lower = some(1, FEW, priority=-1)
    looks = count()

    def refused() -> set[int]:
        next(looks)
        return {MANY}

    async def work(dispatch: Dispatch) -> None:
        pass

    async def nothing(most: int) -> list[Dispatch]:
        return []

    worker = Worker(
        redis, RENDER, Duty(unclaimed, work), Capacity(lambda: (2, 1), refused),
        Backlog(nothing, poll_seconds=0.01, overdue_seconds=60),
    )  # fmt: skip
    async with running(worker):
        await until_now(lambda: next(looks) > 10)
    await queue.dispatch([*lower, *some(1, MANY)])
    assert services(await popped(redis, 4)) == [MANY, MANY, MANY, FEW]


@asynccontextmanager
async def running(worker: Worker[Dispatch]) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.main())
    try:
        yield
    finally:
        await worker.drain(0)
        await stop(task)


async def test_the_few_of_one_go_before_the_many_of_another(redis: ArqRedis) -> None:
    queue = Queue(redis, RENDER, 10_000)
    for _ in range(3):
        await queue.dispatch(some(1000, MANY))
    await popped(redis, 100)
    few = some(10, FEW)
    await queue.dispatch(few)
    assert [each.id for each in await popped(redis, 10)] == [each.id for each in few]
    assert services(await popped(redis, 100)) == [MANY] * 100
    await queue.dispatch(some(200, FEW))  # with so many it is as good as the other
    assert 100 <= Counter(services(await popped(redis, 200)))[FEW] <= 140


@pytest.mark.parametrize(
    ("costs", "shares"), [((1, 1), (100, 100)), ((1, 3), (150, 50)), ((0.5, 2), (160, 40))]
)
async def test_services_that_wait_advance_side_by_side_by_cost(
    redis: ArqRedis, costs: tuple[float, float], shares: tuple[int, int]
) -> None:
    queue = Queue(redis, RENDER, 10_000)
    await queue.dispatch(some(400, MANY, costs[0]))
    await queue.dispatch(some(400, FEW, costs[1]))
    found = Counter(services(await popped(redis, 200)))
    assert (found[MANY], found[FEW]) == pytest.approx(shares, abs=2)


async def test_who_was_idle_catches_up_on_no_more_than_its_credit(redis: ArqRedis) -> None:
    queue = Queue(redis, RENDER, 10_000)
    await queue.dispatch(some(1000, MANY))
    await popped(redis, 900)
    await queue.dispatch(some(500, FEW))
    first = services(await popped(redis, 164))
    assert first[:64] == [FEW] * 64
    assert Counter(first[64:]) == {MANY: 50, FEW: 50}


async def test_a_full_window_gives_up_the_last_of_whom_has_most(
    redis: ArqRedis, queue: Queue
) -> None:
    many, few = some(2 * WINDOW, MANY), some(10, FEW)
    await queue.dispatch(many)
    await queue.dispatch(few)
    assert await redis.zcard(RENDER) == WINDOW
    assert set(await queue.spilled()) == {flow_of(0, MANY)}
    assert services(await popped(redis, 20)) == [MANY, FEW] * 10  # nobody was idle
    await queue.dispatch(some(5, MANY))  # which goes behind those that were given up
    assert await redis.zcard(RENDER) == WINDOW - 20
    spilled = await queue.spilled()
    await queue.refill(many[WINDOW - 10 :], {flow_of(0, MANY): False}, spilled)
    assert await redis.zcard(RENDER) == WINDOW
    assert await queue.spilled()
    order = [each.id for each in await popped(redis, WINDOW)]
    assert order == [each.id for each in many[10 : WINDOW + 10]]
    spilled = await queue.spilled()
    await queue.refill(many[-5:], {flow_of(0, MANY): False}, spilled)
    assert await queue.spilled() == {}


async def test_one_that_was_taken_before_or_is_raised_goes_before_all_of_its_service(
    redis: ArqRedis, queue: Queue
) -> None:
    low = some(2, MANY, priority=-1)
    await queue.dispatch([*some(50, MANY), *low])
    before = msgspec.structs.replace(some(1, MANY)[0], again=True)
    await queue.dispatch([before])
    raised = msgspec.structs.replace(low[1], priority=1)
    for _ in range(2):
        await queue.refill([raised, low[0]], {}, {})
        assert await redis.zcard(RENDER) == 53
    assert [each.id for each in await popped(redis, 2)] == [raised.id, before.id]


class RefilledQueue:
    """A store with two services, and the queue that is filled from it."""

    def __init__(self, store: Store, settings: Settings, redis: ArqRedis) -> None:
        self.store = store
        self.redis = redis
        self.refill = Refill(
            store.processes,
            Queue(redis, RENDER, 10_000),
            settings,
            Metrics(version="1", libvips="8"),
        )

    async def taken(self, number: int) -> list[str]:
        """Take so many as a worker does that refills what runs low; gives the ids."""
        ids: list[str] = []
        while len(ids) < number:
            await self.refill.refill()
            some = [each.id for each in await popped(self.redis, min(20, number - len(ids)))]
            assert some
            await self.store.leases.claim(some, "w", LEASE)
            ids += some
        return ids


@pytest.fixture
async def refilled(store: Store, settings: Settings, redis: ArqRedis) -> RefilledQueue:
    return RefilledQueue(store, settings, redis)


@pytest.fixture
async def shops(store: Store, tmp_path: Path) -> tuple[Tenant, Tenant]:
    return await add_tenant(store, tmp_path / "many"), await add_tenant(store, tmp_path / "few")


async def test_what_was_wiped_is_filled_in_again_in_fair_shares(
    refilled: RefilledQueue, shops: tuple[Tenant, Tenant]
) -> None:
    many = [new_process(shops[0], "a.png") for _ in range(3000)]
    few = [new_process(shops[1], "a.png") for _ in range(10)]
    await record(refilled.store, *many)
    await record(refilled.store, *few)
    await refilled.store.pool.execute("UPDATE processes SET due_at = now()")
    taken = await refilled.taken(40)
    assert set(taken[:20]) == {process.id for process in (*many[:10], *few)}
    assert set(taken[20:]) == {process.id for process in many[10:30]}


async def test_priorities_rise_with_time_a_few_at_once(
    refilled: RefilledQueue, shops: tuple[Tenant, Tenant], settings: Settings
) -> None:
    await record(refilled.store, *(new_process(shops[0], "a.png", priority=1) for _ in range(30)))
    low = [new_process(shops[1], "a.png", priority=-1) for _ in range(12)]
    await record(refilled.store, *low)
    await refilled.store.pool.execute("UPDATE processes SET due_at = now()")
    assert not {process.id for process in low} & set(await refilled.taken(10))
    for process, ages in zip(low, [2.5] * 10 + [1.5] * 2, strict=True):
        waited = ages * settings.priority_age_seconds
        await set_row(
            refilled.store, process.id, queued_at=f"now() - interval '{waited} s'",
            updated_at=f"now() - interval '{waited} s'",
        )  # fmt: skip
    assert {process.id for process in low[:8]} <= set(await refilled.taken(20))
    assert {process.id for process in low[8:10]} <= set(await refilled.taken(5))


async def test_reading_what_waits_reads_no_more_than_it_gives(
    refilled: RefilledQueue, shops: tuple[Tenant, Tenant]
) -> None:
    for shop in shops:
        await record(refilled.store, *(new_process(shop, "a.png") for _ in range(1500)))
    await refilled.store.pool.execute(
        "UPDATE processes SET due_at = now(); ANALYZE processes, jobs"
    )
    async with refilled.store.pool.acquire() as connection, connection.transaction():
        plan = await connection.fetch("EXPLAIN (ANALYZE, COSTS OFF) " + _literal(sql("waiting")))
    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan on processes" not in text
    assert text.count("using processes_waiting") == 3
    assert "rows=6.00 loops=2" in text  # of each service: 10 ÷ 2, and one more


def _literal(statement: str) -> str:
    return statement.replace("$1", "10").replace("$2", "'0 s'")


async def test_with_a_full_valkey_work_goes_on_from_postgres_alone(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    tenant = await add_tenant(store, tmp_path / "storage")
    async with Valkey(tmp_path / "valkey") as valkey:
        own = msgspec.structs.replace(
            settings, redis_url=valkey.url, dispatch_grace_seconds=0.1, reconcile_seconds=0.05
        )
        redis = connect(valkey.url)
        await redis.set("junk", b"x" * 1_000_000)
        await redis.config_set("maxmemory", "1mb")
        with pytest.raises(Exception, match="maxmemory"):
            await redis.set("more", b"x")
        async with serving(own) as api, working(own):
            ids = [await api.create(tenant, tenant.body(f"{i}.png")) for i in range(5)]
            for process_id in ids:
                assert (await ended(api, tenant, process_id))["status"] == "FINISHED"
            await redis.config_set("maxmemory", "100mb")
            await ended(api, tenant, await api.create(tenant, tenant.body("last.png")))
        await redis.aclose()
