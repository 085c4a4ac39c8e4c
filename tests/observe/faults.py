"""What can go wrong, made to happen: each fault with the alerts that it is to set off."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import asyncpg
import psutil
import redis.asyncio
from msgspec import Struct
from redis.exceptions import RedisError

from service.callbacks.back_off import MAX_TRIES
from service.errors import EmbeddedError
from tests.engine.images import encoded, smooth
from tests.observe.installation import Installation
from tests.service.harness.tenants import add_tenant, job

PASSING = (
    OSError, psutil.Error, RedisError, asyncpg.PostgresError, asyncpg.InterfaceError, EmbeddedError
)  # fmt: skip
SETTLED_SECONDS = 0.3  # of a child that has started

Trouble = Callable[[Installation], AbstractAsyncContextManager[None]]


class Fault(Struct, frozen=True):
    """A fault that lasts while its context is open, until its alerts fire, for so long at most."""

    alerts: Sequence[str]
    trouble: Trouble
    seconds: float = 180.0


@asynccontextmanager
async def again_and_again(step: Callable[[], object], pause: float) -> AsyncIterator[None]:
    """Do something while the body runs; what it cannot do now it does later."""

    async def repeat() -> None:
        while True:
            with suppress(*PASSING):
                done = step()
                if asyncio.iscoroutine(done):
                    await done
            await asyncio.sleep(pause)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def redis_is_down(it: Installation) -> AsyncIterator[None]:
    await it.valkey.kill()
    yield
    await it.valkey.start()


@asynccontextmanager
async def redis_is_restarted(it: Installation) -> AsyncIterator[None]:
    async def restart() -> None:
        await it.valkey.kill()
        await it.valkey.start()

    async with again_and_again(restart, 1):
        yield
    with suppress(EmbeddedError):
        await it.valkey.start()


@asynccontextmanager
async def redis_forgets(it: Installation) -> AsyncIterator[None]:
    client = redis.asyncio.Redis.from_url(it.valkey.url)
    # the worker is faster than that: it takes what it is told before it can be forgotten
    await client.execute_command("ACL", "SETUSER", "default", "-zadd")

    async def forgive() -> None:
        await client.execute_command("ACL", "SETUSER", "default", "+zadd")
        await asyncio.sleep(0.5)
        await client.execute_command("ACL", "SETUSER", "default", "-zadd")

    async with again_and_again(forgive, 1.5):
        yield
    await client.execute_command("ACL", "SETUSER", "default", "+zadd")
    await client.aclose()


@asynccontextmanager
async def postgres_is_down(it: Installation) -> AsyncIterator[None]:
    await it.postgres.kill()
    yield
    await it.postgres.start()


@asynccontextmanager
async def postgres_is_slow(it: Installation) -> AsyncIterator[None]:
    async def lock() -> None:
        async with it.store.pool.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE processes IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(1.2)

    async with again_and_again(lock, 0.2):
        yield


@asynccontextmanager
async def the_worker_is_gone(it: Installation) -> AsyncIterator[None]:
    await it.worker.kill()
    yield
    await it.execute(
        "UPDATE processes SET queued_at = queued_at - interval '2 minutes' WHERE status = 'QUEUED'"
    )
    await it.worker.start()


@asynccontextmanager
async def processes_wait(it: Installation) -> AsyncIterator[None]:
    """Let what is queued be older than it is, so that its wait is long when it is claimed."""
    older = "UPDATE processes SET queued_at = now() - interval '2 minutes' WHERE status = 'QUEUED'"
    async with again_and_again(lambda: it.execute(older), 0.02):
        yield


@asynccontextmanager
async def the_worker_is_restarted(it: Installation) -> AsyncIterator[None]:
    async def restart() -> None:
        await it.worker.kill()
        await it.worker.start()
        await asyncio.sleep(2)

    async with again_and_again(restart, 0):
        yield
    await it.worker.kill()
    await it.worker.start()


@asynccontextmanager
async def leases_expire(it: Installation) -> AsyncIterator[None]:
    expire = (
        "UPDATE processes SET status = 'PROCESSING', worker = 'gone', "
        "lease_until = now() - interval '1 second' WHERE id IN "
        "(SELECT id FROM processes WHERE status = 'FINISHED' ORDER BY updated_at LIMIT 2)"
    )
    async with again_and_again(lambda: it.execute(expire), 1):
        yield


@asynccontextmanager
async def the_api_is_gone(it: Installation) -> AsyncIterator[None]:
    await it.api.kill()
    yield
    await it.api.start()


@asynccontextmanager
async def children_are_killed(it: Installation) -> AsyncIterator[None]:
    """Kill every child that works, while it works on a source that others do not use."""
    it.tenant.put("victim.png", encoded(smooth(3000, 1900)))
    busy: dict[int, float] = {}

    def kill() -> None:
        for child in it.children():
            spent, age = child.cpu_times().user, time.time() - child.create_time()
            if age > SETTLED_SECONDS and spent > busy.setdefault(child.pid, spent) + 0.05:
                child.kill()

    sending = again_and_again(lambda: heavy(it, "/victim.png"), 1)
    async with again_and_again(kill, 0.05), sending:
        yield


@asynccontextmanager
async def children_do_not_start(it: Installation) -> AsyncIterator[None]:
    """Kill all children, while what would fork new ones stands still."""

    def freeze() -> None:
        for server in it.fork_servers():
            server.suspend()
        for child in it.children():
            child.kill()

    async with again_and_again(freeze, 0.05):
        yield
    for server in it.fork_servers():
        with suppress(psutil.Error):
            server.resume()


@asynccontextmanager
async def work_is_heavy(it: Installation) -> AsyncIterator[None]:
    it.tenant.put("heavy.png", encoded(smooth(700, 500)))
    async with again_and_again(lambda: heavy(it, "/heavy.png"), 0.3):
        yield
    await it.execute("UPDATE processes SET due_at = now() WHERE status = 'QUEUED'")


@asynccontextmanager
async def the_storage_is_gone(it: Installation) -> AsyncIterator[None]:
    elsewhere = it.tenant.folder.with_suffix(".away")
    it.tenant.folder.rename(elsewhere)
    yield
    elsewhere.rename(it.tenant.folder)


@asynccontextmanager
async def the_receiver_fails(it: Installation) -> AsyncIterator[None]:
    it.receiver.status = 500
    give_up = f"UPDATE deliveries SET tries = {MAX_TRIES - 1}, due_at = now() WHERE tries = 1"
    async with again_and_again(lambda: it.execute(give_up), 1):
        yield
    it.receiver.status = 200
    await it.execute("UPDATE deliveries SET due_at = now() WHERE status = 'PENDING'")


@asynccontextmanager
async def callbacks_are_old(it: Installation) -> AsyncIterator[None]:
    it.receiver.status = 500
    age = "UPDATE deliveries SET created_at = now() - interval '7 hours' WHERE status = 'PENDING'"
    async with again_and_again(lambda: it.execute(age), 0.5):
        yield
    it.receiver.status = 200
    await it.execute("UPDATE deliveries SET due_at = now() WHERE status = 'PENDING'")


@asynccontextmanager
async def callbacks_are_not_sent(it: Installation) -> AsyncIterator[None]:
    await it.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no claim of a callback'; END $$"
    )
    await it.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON deliveries FOR EACH ROW "
        "WHEN (OLD.tries <> NEW.tries) EXECUTE FUNCTION refuse()"
    )
    yield
    await it.execute("DROP TRIGGER refuse ON deliveries")
    await it.execute("DROP FUNCTION refuse")


@asynccontextmanager
async def a_service_weighs_nothing(it: Installation) -> AsyncIterator[None]:
    """Write a weight past the constraint, so that what waits cannot be read."""
    other = await add_tenant(it.store, it.tenant.folder.with_name("other"))
    weigh = "UPDATE services SET weight = $2 WHERE id = $1"
    await it.execute("ALTER TABLE services DROP CONSTRAINT services_weight_check")
    await it.execute(weigh, other.service_id, 0.0)
    await it.execute(
        "UPDATE processes SET service_id = $1, status = 'QUEUED', due_at = now() WHERE id = "
        "(SELECT id FROM processes WHERE status = 'FINISHED' ORDER BY updated_at LIMIT 1)",
        other.service_id,
    )
    yield
    await it.execute(weigh, other.service_id, 1.0)


@asynccontextmanager
async def another_version_is_there(it: Installation) -> AsyncIterator[None]:
    it.stranger.there = True
    yield
    it.stranger.there = False


async def heavy(it: Installation, source: str) -> None:
    """Ask for a result that takes a child some seconds."""
    blur = {"type": "blur", "sigma": 30 + random.random()}
    body = it.body(source) | {"jobs": [job("/heavy.png", blur, blur, mode="exact")]}
    assert await it.post(body) in {0, 200, 503}


FAULTS = (
    Fault(["DarkroomRedisDown"], redis_is_down),
    Fault(["DarkroomRedisFlapping"], redis_is_restarted),
    Fault(["DarkroomReconcilerBusy"], redis_forgets),
    Fault(
        [
            "DarkroomDatabaseDown", "DarkroomQueueUnknown",
            "DarkroomErrorBudgetBurnFast", "DarkroomErrorBudgetBurnSlow",
        ],
        postgres_is_down,
    ),
    Fault(["DarkroomDatabaseSlow", "DarkroomDatabasePoolFull"], postgres_is_slow),
    Fault(["DarkroomNoWorker", "DarkroomTargetDown", "DarkroomQueueOld"], the_worker_is_gone),
    Fault(["DarkroomWaitBudgetBurnFast", "DarkroomWaitBudgetBurnSlow"], processes_wait),
    Fault(["DarkroomRestarting"], the_worker_is_restarted),
    Fault(["DarkroomLeasesExpiring"], leases_expire),
    Fault(["DarkroomNoApi"], the_api_is_gone),
    Fault(["DarkroomChildrenDying", "DarkroomQuarantined"], children_are_killed),
    Fault(["DarkroomSlotsDown", "DarkroomSandboxWeak"], children_do_not_start),
    Fault(["DarkroomSlotsSaturated"], work_is_heavy),
    Fault(["DarkroomJobsFailing", "DarkroomStorageFailing"], the_storage_is_gone),
    Fault(["DarkroomCallbacksFailing", "DarkroomCallbacksGivenUp"], the_receiver_fails),
    Fault(["DarkroomCallbacksOld"], callbacks_are_old),
    Fault(["DarkroomCallbacksUnsent"], callbacks_are_not_sent),
    Fault(["DarkroomTaskFailing"], a_service_weighs_nothing),
    Fault(["DarkroomVersionsDiffer"], another_version_is_there, 300.0),  # it waits for hours
)  # fmt: skip
