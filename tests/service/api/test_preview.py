"""`POST /preview`: one job, rendered at once and answered as the image itself."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pytest
from PIL import Image

import engine
from service.quarantine import SourceQuarantine
from service.settings import Settings
from service.store import Store
from tests.engine.images import encoded, noise
from tests.service.harness.api_client import Answer, Api, serving
from tests.service.harness.tenants import PICTURE, SMALL, Tenant, Words, raw_json
from tests.service.harness.workers import until
from tests.service.worker.faulty_sandbox import FAULTY


async def preview(api: Api, tenant: Tenant, *steps: Words, source: str = "/in.png",
                  **fields: Any) -> Answer:  # fmt: skip
    job = {"transformations": steps or [SMALL], "format": "png", **fields}
    body = {"service_id": tenant.service_id, "source": source, "jobs": [job]}
    return await api.ask("POST", "/preview", tenant, body)


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.words["code"]


@pytest.fixture
def source(tenant: Tenant) -> Iterator[BinaryIO]:
    with open(tenant.folder / "in.png", "rb") as file:
        yield file


async def test_a_source_in_quarantine_is_not_tried(
    settings: Settings, shared_store: Store, tenant: Tenant, source: BinaryIO
) -> None:
    workers = SourceQuarantine(shared_store.quarantine, settings)
    await workers.note(tenant.service_id, source, settings.source_crashes)
    async with serving(settings) as api:
        answer = await preview(api, tenant)
        assert refusal(answer) == (422, "source_quarantined")
        assert "lift-quarantine" in answer.words["message"]
        tenant.put("other.png", PICTURE + bytes(9))
        assert (await preview(api, tenant, source="/other.png")).status == 200


async def test_the_answer_is_the_image_that_a_worker_would_store(
    api: Api, tenant: Tenant, shared_store: Store
) -> None:
    tenant.put("m/mark.png", encoded(noise(9, 6, 4)))
    mark = {"type": "watermark", "source": "m/mark.png", "width": 20}
    turn = {"type": "rotate", "degrees": 90}
    saved = await api.ask("PUT", "/presets/turned", tenant, {"transformations": [turn]})
    assert saved.status == 200
    files = tenant.files()
    fields: Words = {"format": "webp", "quality": 90}
    answer = await preview(api, tenant, mark, {"type": "preset", "name": "turned"}, **fields)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"]
    job = {"destination": "x", "transformations": [mark, turn], **fields}
    batch = engine.parse_batch(json.dumps({"source": "s", "jobs": [job]}).encode())
    inputs = {"m/mark.png": engine.Source.from_path(tenant.folder / "m" / "mark.png")}
    [(_, expected)] = engine.render(engine.Source.from_bytes(PICTURE), batch.jobs, inputs=inputs)
    assert isinstance(expected, engine.Output)
    assert answer.raw == expected.data
    count = "SELECT count(*) FROM processes WHERE service_id = $1"
    assert await shared_store.pool.fetchval(count, tenant.service_id) == 0
    assert tenant.files() == files

    named = await api.ask("POST", "/preview", tenant, tenant.body("a.jpg", callback="http://a.b/"))
    with Image.open(io.BytesIO(named.raw)) as image:
        assert (image.format, image.size) == ("JPEG", (16, 12))
    line = 'darkroom_http_requests_total{method="POST",route="/preview",status="200"}'
    assert await api.metric(line) == 2


async def test_what_is_refused(api: Api, tenant: Tenant, stranger: Tenant) -> None:
    plain = {"transformations": [SMALL]}
    for jobs, code, path in (
        ([plain], "missing_field", "jobs[0].format"),
        ([], "invalid_request", "jobs"),
        ([{**plain, "destination": f"{n}.png"} for n in "ab"], "invalid_request", "jobs"),
        ([{"format": "png"}], "missing_field", "jobs[0].transformations"),
        ([{"format": "psd", **plain}], "invalid_request", "jobs[0].format"),
        ([7], "invalid_request", "jobs[0]"),
    ):
        request = {"service_id": tenant.service_id, "source": "/in.png", "jobs": jobs}
        answer = await api.ask("POST", "/preview", tenant, request)
        assert (answer.status, answer.words["code"], answer.words["path"]) == (400, code, path)
    for body in (b"[1", b"[]", b'{"jobs": 7}'):
        assert (await api.ask("POST", "/preview", tenant, body)).status == 400
    assert refusal(await preview(api, stranger, source="../in.png")) == (400, "invalid_request")
    assert (await api.ask("POST", "/preview", stranger, tenant.body())).status == 403
    assert (await api.ask("POST", "/preview", None, tenant.body())).status == 401


async def test_a_job_that_fails_is_answered_with_its_error(
    settings: Settings, tenant: Tenant
) -> None:
    for name, data in {
        "cut.png": PICTURE[: len(PICTURE) // 2], "text": b"no image", "long": PICTURE * 20,
        "large.png": encoded(np.zeros((200, 200, 1), np.uint8)),
    }.items():  # fmt: skip
        tenant.put(name, data)
    most = 2 * len(PICTURE) - 1
    tight = {
        "max_preview_bytes": most, "max_preview_source_pixels": 30_000,
        "max_preview_output_pixels": 10_000, "max_preview_output_bytes": 200,
    }  # fmt: skip
    beside = {"type": "crop", "width": 5, "height": 5, "fit": False, "xoffset": 900}
    wide = {"type": "resize", "width": 300}
    async with serving(msgspec.structs.replace(settings, **tight)) as api:
        for source, step, status, code, limit in (
            ("none.png", SMALL, 404, "source_not_found", ""),
            ("cut.png", SMALL, 422, "source_corrupt", ""),
            ("text", SMALL, 400, "unsupported_format", ""),
            ("in.png", beside, 422, "transformation_failed", ""),
            ("in.png", {"type": "watermark", "source": "none"}, 404, "source_not_found", ""),
            ("long", SMALL, 422, "source_too_large", "max_preview_bytes"),
            ("in.png", {"type": "watermark", "source": "cut.png"}, 422, "source_corrupt", ""),
            ("in.png", {"type": "watermark", "source": "long"}, 422, "source_too_large",
             "max_preview_bytes"),
            ("large.png", SMALL, 422, "source_too_large", "max_preview_source_pixels"),
            ("in.png", wide, 422, "output_too_large", "max_preview_output_pixels"),
            ("in.png", {"type": "enhance"}, 422, "output_too_large", "max_preview_output_bytes"),
        ):  # fmt: skip
            answer = await preview(api, tenant, step, source=source)
            assert refusal(answer) == (status, code), (source, step, answer.raw)
            if limit:
                assert f"(DARKROOM_{limit.upper()})" in answer.words["message"]
                assert await api.metric(f'darkroom_limits_rejected_total{{limit="{limit}"}}') >= 1


@asynccontextmanager
async def faulty(settings: Settings, **changes: Any) -> AsyncIterator[Api]:
    """Serve with one faulty child."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.sandbox.parent.commands.RENDER", FAULTY)
        changed = msgspec.structs.replace(settings, preview_slots=1, **changes)
        async with serving(changed) as api:
            yield api


async def test_a_child_that_dies_or_hangs_is_replaced_and_the_api_lives(
    settings: Settings, tenant: Tenant
) -> None:
    async with faulty(settings, preview_seconds=0.7) as api:

        async def works() -> bool:  # a child may take longer than that to start
            return (await preview(api, tenant)).status == 200

        await until(works)
        answer = await preview(api, tenant, destination="kill.png")
        assert refusal(answer) == (503, "render_crashed")
        assert "SIGKILL" in answer.words["message"]
        await until(works)
        answer = await preview(api, tenant, destination="hang.png")
        assert refusal(answer) == (422, "timeout")
        assert "deadline of 0.7 s" in answer.words["message"]
        await until(works)
        assert (await api.ask("GET", "/readyz")).status == 200


@pytest.mark.parametrize("route", ["preview", "explain"])
async def test_a_child_serves_one_service_alone(
    settings: Settings, tenant: Tenant, stranger: Tenant, route: str
) -> None:
    line = 'darkroom_child_exits_total{reason="other_owner"}'
    async with serving(msgspec.structs.replace(settings, **{f"{route}_slots": 1})) as api:
        for asked, replaced in ((tenant, 0), (tenant, 0), (stranger, 1)):
            assert (await api.ask("POST", f"/{route}", asked, asked.body())).status == 200
            assert await api.metric(line) == replaced


async def test_too_many_at_once_are_put_off(
    settings: Settings, tenant: Tenant, stranger: Tenant
) -> None:
    some = {"preview_seconds": 2.0, "preview_requests": 2, "preview_service_requests": 1}
    async with faulty(settings, **some) as api:
        *asked, other = await asyncio.gather(
            *(preview(api, tenant, destination="hang.png") for _ in range(4)),
            preview(api, stranger),
        )
        refused = [answer for answer in asked if answer.status == 429]
        assert len(refused) == 3  # whichever came first has the turn
        for answer in refused:
            assert refusal(answer) == (429, "rate_limited")
            assert answer.headers["Retry-After"] == "1"
        assert {answer.status for answer in asked} - {429} <= {422, 503}
        assert other.status in {200, 503}


async def test_a_turn_lasts_until_the_image_is_read(settings: Settings, tenant: Tenant) -> None:
    tenant.put("large.png", encoded(noise(1200, 1200, 3)))
    impatient = {"preview_requests": 1, "response_seconds": 1.5}
    body = raw_json(tenant.body(source="/large.png") | {"jobs": [
        {"format": "png", "transformations": []}]})  # fmt: skip
    head = (
        f"POST /preview HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.token}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    async with serving(msgspec.structs.replace(settings, **impatient)) as api:

        async def works() -> bool:
            return (await preview(api, tenant)).status == 200

        await until(works)  # with a child that has started
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", api.port))
            client.send(head.encode() + body)
            client.setblocking(False)
            begun = await asyncio.get_running_loop().sock_recv(client, 12)
            assert begun == b"HTTP/1.1 200"
            assert refusal(await preview(api, tenant)) == (503, "unavailable")
            await until(works)
