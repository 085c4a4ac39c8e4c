"""Whatever receivers do, pictures are rendered."""

import asyncio
import threading
from contextlib import AsyncExitStack

import msgspec

from service.settings import Settings
from tests.service.callbacks.hostile import HOSTILE
from tests.service.harness.api_client import Api
from tests.service.harness.receiver import receiving, talking
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import done_by, until, working


async def test_callbacks_that_stand_still_do_not_hold_up_rendering(
    api: Api, settings: Settings, tenant: Tenant
) -> None:
    go_on = threading.Event()
    async with working(settings) as running, receiving() as receiver:

        async def sending() -> bool:
            return running.callbacks.loop is not None

        await until(sending)
        assert running.callbacks.loop is not None
        running.callbacks.loop.call_soon_threadsafe(go_on.wait, 60)
        try:
            for _ in range(3):
                status = await done_by(api, tenant, tenant.body(callback=receiver.url))
                assert status["status"] == "FINISHED"
            assert receiver.received == []
        finally:
            go_on.set()
        await asyncio.wait_for(receiver.arrived.wait(), 10)


async def test_hostile_receivers_beside_a_healthy_load(
    api: Api, settings: Settings, tenant: Tenant, stranger: Tenant
) -> None:
    hasty = msgspec.structs.replace(settings, callback_seconds=1.0, callback_breaker_failures=100)
    async with AsyncExitStack() as stack, working(hasty), receiving() as healthy:
        ports = [await stack.enter_async_context(talking(talk)) for talk in HOSTILE]
        hostile = [
            await api.create(tenant, tenant.body(callback=f"http://127.0.0.1:{port}/"))
            for port in ports
            for _ in range(3)
        ]
        for _ in range(5):
            status = await done_by(api, stranger, stranger.body(callback=healthy.url))
            assert status["status"] == "FINISHED"

        async def all_taken() -> bool:
            return len(healthy.received) == 5

        await until(all_taken)

        async def all_tried() -> bool:
            statuses = [await api.status(tenant, process_id) for process_id in hostile]
            return all(s.get("callbacks", [{}])[0].get("last_error") for s in statuses)

        await until(all_tried)
