"""Dying at every point where something could be lost or done twice.

A victim, told to kill itself at one place, works alone until it is dead; then a healthy
worker takes over. Whatever was answered 200 ends, with the right images, each callback
has one id, and nothing is left behind.
"""

import asyncio
import hashlib
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from service.dev.stack import free_port
from service.failpoints import ALL, Failpoint
from service.settings import Settings
from service.store import Store
from tests.engine.images import encoded, noise
from tests.service.harness.api_client import Api
from tests.service.harness.loaded import LOADER
from tests.service.harness.tenants import Tenant, Words, job
from tests.service.harness.workers import (
    WorkerProcess,
    done_by,
    ended,
    until,
    worker_process,
    working,
)

BRIGHTER: Words = {"type": "brightness", "bright_level": 30}
IN_WORKER = [point for point in ALL if point.startswith(("worker.", "callback."))]


@pytest.fixture(scope="module")
async def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, lease_seconds=1.0, dispatch_grace_seconds=0.3, redispatch_seconds=0.5,
        callback_seconds=0.5,
    )  # fmt: skip


class Receiver:
    """Takes callbacks, and remembers the id and the body of each."""

    def __init__(self) -> None:
        self.came: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.came.append((request.headers["webhook-id"], await request.json()))
        return web.Response()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    taker = Receiver()
    app = web.Application()
    app.router.add_post("/", taker.take)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    taker.url = f"http://127.0.0.1:{port}/"
    yield taker
    await runner.cleanup()


@pytest.mark.parametrize(
    ("point", "record_seconds"),
    [*((point, 0.1) for point in IN_WORKER), ("worker.after_put", 0), ("worker.between_jobs", 0)],
)
async def test_a_worker_that_dies_there_loses_and_repeats_nothing(
    point: Failpoint,
    record_seconds: float,
    api: Api,
    settings: Settings,
    shared_store: Store,
    tenant: Tenant,
    receiver: Receiver,
) -> None:
    doomed = msgspec.structs.replace(settings, failpoint=point, record_seconds=record_seconds)
    async with worker_process(doomed) as victim:
        jobs = [job("in.png", BRIGHTER), job("a.png"), job("twin.png", BRIGHTER)]
        body = tenant.body(callback=receiver.url) | {"jobs": jobs}
        process_id = await api.create(tenant, body)
        await dead(victim)
    async with working(settings):
        status = await ended(api, tenant, process_id)
        await until(lambda: _arrived(receiver))
        await until(lambda: _delivered(shared_store, process_id))
    assert status["status"] == "FINISHED"
    assert tenant.files() == {"in.png", "a.png", "twin.png"}
    assert tenant.read("in.png") == tenant.read("twin.png")  # applied once, and last
    for each in status["jobs"]:
        assert hashlib.sha256(tenant.read(each["destination"])).hexdigest() == each["sha256"]
    assert len({name for name, _ in receiver.came}) == 1
    assert all(body == receiver.came[0][1] for _, body in receiver.came)
    assert await _left_behind(shared_store) == 0


async def test_what_is_made_after_a_crash_is_what_would_have_been_made(
    api: Api, settings: Settings, tenant: Tenant
) -> None:
    """Sizes are made from each other, so what is left of a batch is planned with what is done."""
    tenant.put("photo.jpg", encoded(noise(1000, 700), "JPEG"))

    def body(folder: str) -> Words:
        jobs = [job(f"{folder}/{w}.png", {"type": "resize", "width": w}) for w in (600, 400, 200)]
        return tenant.body() | {"source": "photo.jpg", "jobs": jobs}

    async with worker_process(
        msgspec.structs.replace(settings, failpoint="worker.between_jobs", record_seconds=0)
    ) as victim:
        interrupted = await api.create(tenant, body("interrupted"))
        await dead(victim)
    async with working(settings):
        made = [await ended(api, tenant, interrupted), await done_by(api, tenant, body("whole"))]
    assert [status["status"] for status in made] == ["FINISHED"] * 2
    one, other = ([each["sha256"] for each in status["jobs"]] for status in made)
    assert one == other


async def dead(victim: WorkerProcess) -> None:
    async with asyncio.timeout(60):
        assert await victim.process.wait() == -signal.SIGKILL


async def _arrived(receiver: Receiver) -> bool:
    return bool(receiver.came)


async def _delivered(store: Store, process_id: str) -> bool:
    statuses = await store.pool.fetch(
        "SELECT status FROM deliveries WHERE process_id = $1", process_id
    )
    return [row["status"] for row in statuses] == ["DELIVERED"]


async def _left_behind(store: Store) -> int:
    count: int = await store.pool.fetchval(
        "SELECT count(*) FROM processes WHERE status IN ('QUEUED', 'PROCESSING')"
    )
    return count


@asynccontextmanager
async def doomed_api(settings: Settings, point: str) -> AsyncIterator[tuple[str, Any]]:
    """Run an API in a process of its own that dies at a point; gives its URL and itself."""
    port = free_port()
    environ = WorkerProcess.environment(
        msgspec.structs.replace(settings, failpoint=point, port=port)
    )
    process = await LOADER.start("serve", environ=environ)
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                assert process.returncode is None
                try:
                    async with session.get(f"{url}/readyz") as response:
                        return response.status == 200
                except aiohttp.ClientError:
                    return False

            await until(ready)
        yield url, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("point", ["intake.before_commit", "intake.after_commit"])
async def test_an_api_that_dies_before_it_answers_makes_one_process_of_two_tries(
    point: str, api: Api, settings: Settings, shared_store: Store, tenant: Tenant
) -> None:
    headers = {**tenant.headers, "Idempotency-Key": "order-4711"}
    body = json.dumps(tenant.body("a.png"))
    async with doomed_api(settings, point) as (url, process), aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientError):
            await client.post(f"{url}/request", data=body, headers=headers)
        assert await process.wait() == -signal.SIGKILL
    answer = await api.post(tenant, body.encode(), {"Idempotency-Key": "order-4711"})
    assert answer.status == 200
    assert ("Idempotent-Replayed" in answer.headers) == (point == "intake.after_commit")
    async with working(settings):
        status = await ended(api, tenant, answer.words["process_id"])
    assert status["status"] == "FINISHED"
    made = await shared_store.pool.fetchval(
        "SELECT count(*) FROM processes WHERE service_id = $1", tenant.service_id
    )
    assert made == 1


async def test_an_api_that_dies_after_the_dispatch_has_kept_its_word(
    api: Api, settings: Settings, tenant: Tenant
) -> None:
    async with (
        doomed_api(settings, "dispatch.after") as (url, process),
        aiohttp.ClientSession(headers=tenant.headers) as client,
    ):
        async with client.post(f"{url}/request", json=tenant.body("a.png")) as response:
            process_id = (await response.json())["process_id"]
        assert await process.wait() == -signal.SIGKILL
    async with working(settings):
        assert (await ended(api, tenant, process_id))["status"] == "FINISHED"
