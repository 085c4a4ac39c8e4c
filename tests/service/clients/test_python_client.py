"""The Python client against the real service: what it sends, waits for, repeats and verifies."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from aiohttp import web
from darkroom_client import AsyncDarkroom, Darkroom, DarkroomError, Job, Request, read_callback
from PIL import Image

import engine
from service.callbacks.signature import sign
from service.ids import new_webhook_secret
from service.settings import Settings
from tests.service.harness.api_client import Api
from tests.service.harness.tenants import SMALL, Tenant
from tests.service.harness.workers import working

SMALL_JOB = Job("/out.png", [SMALL])


def url(api: Api) -> str:
    return f"http://127.0.0.1:{api.port}"


@pytest.fixture
async def client(api: Api, tenant: Tenant) -> AsyncIterator[AsyncDarkroom]:
    async with AsyncDarkroom(url(api), token=tenant.token, service_id=tenant.service_id) as opened:
        yield opened


def test_a_job_has_every_field_of_the_api() -> None:
    assert set(Job.__struct_fields__) == {"preset", *engine.Job.__struct_fields__}
    job = Job(max_bytes=9000, format="jpeg", describe=["average"])
    assert job.body() == {
        "transformations": [], "max_bytes": 9000, "format": "jpeg", "describe": ["average"],
    }  # fmt: skip


async def test_a_batch_is_submitted_and_waited_for(
    client: AsyncDarkroom, tenant: Tenant, settings: Settings
) -> None:
    missing = Job("/other.png", [{"type": "watermark", "source": "/not there.png"}])
    async with working(settings):
        status = await client.wait(await client.submit("/in.png", [SMALL_JOB, missing]))
    assert status.status == "FAILED"
    done, failed = status.jobs
    assert done.done
    assert (done.width, done.height, done.format) == (16, 12, "png")
    assert done.bytes == len(tenant.read("out.png"))
    assert failed.error is not None
    assert failed.error.code == "source_not_found"
    assert status.ended


async def test_the_blocking_client_does_the_same(
    api: Api, tenant: Tenant, settings: Settings
) -> None:
    def use() -> str:
        with Darkroom(url(api), token=tenant.token, service_id=tenant.service_id) as darkroom:
            process_id = darkroom.submit("/in.png", [SMALL_JOB])
            assert darkroom.wait(process_id).status == "FINISHED"
            (retried,) = darkroom.retry([process_id], all=True)
            assert retried.status == 200
            return darkroom.wait(process_id).status

    async with working(settings):
        assert await asyncio.to_thread(use) == "FINISHED"
    assert "out.png" in tenant.files()


async def test_many_are_submitted_listed_and_their_callbacks_sent_again(
    api: Api, client: AsyncDarkroom, tenant: Tenant
) -> None:
    good = Request(source="/in.png", jobs=[SMALL_JOB], callback="https://shop.example/hook")
    done, refused = await client.submit_many([good, Request(source="/in.png", jobs=[])])
    assert (refused.status, refused.code, refused.path) == (400, "invalid_request", "jobs")
    assert done.process_id is not None
    [callback] = (await client.cancel(done.process_id)).callbacks

    def use() -> None:
        with Darkroom(url(api), token=tenant.token, service_id=tenant.service_id) as darkroom:
            [again] = darkroom.submit_many([good], key="order-1")
            assert darkroom.submit_many([good], key="order-1") == [again]
            page = darkroom.processes(limit=1)
            assert [each.process_id for each in page.processes] == [again.process_id]
            [last] = darkroom.processes(status="FAILED", cursor=page.next_cursor).processes
            assert (last.process_id, last.jobs.failed) == (done.process_id, 1)
            assert last.error_codes == ["cancelled"]
            assert darkroom.redeliver(last.process_id, callback.id).status == "PENDING"
            [retried] = darkroom.retry([last.process_id], source="new")
            assert retried.status == 200

    await asyncio.to_thread(use)
    assert len((await client.processes()).processes) == 2


async def test_a_preview_is_the_image(client: AsyncDarkroom) -> None:
    with Image.open(BytesIO(await client.preview("/in.png", SMALL_JOB))) as image:
        assert image.size == (16, 12)


async def test_an_explanation_shows_the_plan(client: AsyncDarkroom) -> None:
    explained = await client.explain("/in.png", [SMALL_JOB])
    assert explained["facts"]["width"] == 64


async def test_what_is_cancelled_has_ended(client: AsyncDarkroom) -> None:
    process_id = await client.submit("/in.png", [SMALL_JOB])
    cancelled = await client.cancel(process_id)
    assert cancelled.ended
    assert cancelled.jobs[0].error is not None
    assert cancelled.jobs[0].error.code == "cancelled"


async def test_presets_are_saved_used_and_deleted(
    api: Api, client: AsyncDarkroom, tenant: Tenant
) -> None:
    definition = {"transformations": [SMALL], "format": "webp", "keep": ["copyright"]}
    saved = await client.put_preset("small", definition)
    assert (saved.name, saved.definition) == ("small", definition)
    with Image.open(BytesIO(await client.preview("/in.png", Job(preset="small")))) as image:
        assert (image.format, image.size) == ("WEBP", (16, 12))

    def use() -> None:
        with Darkroom(url(api), token=tenant.token, service_id=tenant.service_id) as darkroom:
            assert darkroom.preset("small") == saved
            darkroom.put_preset("large", {"quality": 90})
            assert [each.name for each in darkroom.presets()] == ["large", "small"]
            assert darkroom.delete_preset("small")
            assert not darkroom.delete_preset("small")

    await asyncio.to_thread(use)
    assert await client.preset("small") is None
    assert [each.name for each in await client.presets()] == ["large"]
    assert await client.delete_preset("large")
    with pytest.raises(DarkroomError, match="min_ssim"):
        await client.put_preset("x", {"min_ssim": 0.9})


async def test_an_unknown_process_is_none_or_an_error(client: AsyncDarkroom) -> None:
    unknown = "A" * 21
    assert await client.status(unknown) is None
    with pytest.raises(LookupError, match=unknown):
        await client.wait(unknown)


async def test_waiting_ends_in_time(client: AsyncDarkroom) -> None:
    process_id = await client.submit("/in.png", [SMALL_JOB])
    with pytest.raises(TimeoutError, match=r"within 0\.1 s"):
        await client.wait(process_id, seconds=0.1)


async def test_one_key_is_one_process(client: AsyncDarkroom) -> None:
    first, again = [await client.submit("/in.png", [SMALL_JOB], key="order-1") for _ in range(2)]
    assert first == again
    assert await client.submit("/in.png", [SMALL_JOB]) != first


async def test_an_error_names_the_field(client: AsyncDarkroom) -> None:
    with pytest.raises(DarkroomError) as caught:
        await client.submit("/in.png", [Job("/out.png", [{"type": "resize", "width": -1}])])
    assert caught.value.status == 400
    assert caught.value.code == "invalid_request"
    assert caught.value.path == "jobs[0].transformations[0].width"
    assert caught.value.request_id


@asynccontextmanager
async def answering(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> AsyncIterator[str]:
    """Serve one handler at every path; gives the URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_what_is_not_answered_is_sent_again_with_the_same_key() -> None:
    keys: list[str] = []

    async def busy(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            assert request.transport is not None
            request.transport.abort()
        if len(keys) < 3:
            return web.Response(status=503, headers={"Retry-After": "0"})
        return web.json_response({"status": "SUCCESS", "process_id": "P"})

    async with (
        answering(busy) as address,
        AsyncDarkroom(address, token="t", service_id=1) as client,
    ):
        assert await client.submit("/in.png", [SMALL_JOB]) == "P"
    assert len(keys) == 3
    assert len(set(keys)) == 1


async def test_it_gives_up_after_so_many_tries() -> None:
    tries = 0

    async def busy(_: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        return web.Response(status=429, text="slow down", headers={"Retry-After": "0"})

    async with (
        answering(busy) as address,
        AsyncDarkroom(address, token="t", service_id=1, tries=2) as client,
    ):
        with pytest.raises(DarkroomError, match="429 http_error: slow down"):
            await client.submit("/in.png", [SMALL_JOB])
    assert tries == 2


def test_a_callback_is_read_if_it_is_from_darkroom() -> None:
    secret, now = new_webhook_secret(), int(time.time())
    body = (
        b'{"process_id": "P", "status": "FINISHED", "attempt": 0,'
        b' "created_at": "2024-01-01 08:00:00", "updated_at": "2024-01-01 08:00:01",'
        b' "jobs": [{"destination": "/a.png", "status": "DONE", "bytes": 3}]}'
    )
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": sign([secret], "msg_1", now, body),
    }
    status = read_callback(secret, headers, body)
    assert status is not None
    assert status.jobs[0].bytes == 3
    assert read_callback(new_webhook_secret(), headers, body) is None
    assert read_callback(secret, headers, body.replace(b"P", b"Q")) is None
