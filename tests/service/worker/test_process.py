"""A worker brings processes to their end: what it makes, what it says of what it cannot."""

import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from service.dev.stack import free_port
from service.settings import Settings
from service.store import Store
from service.worker.worker import Running
from tests.engine.images import encoded, noise, smooth
from tests.service.harness.api_client import Api, serving
from tests.service.harness.receiver import receiving
from tests.service.harness.records import field, recorded
from tests.service.harness.tenants import PICTURE, Tenant, Words, add_tenant, job, raw_json
from tests.service.harness.workers import done_by, ended, outcomes, scraped, until, working

LARGE = encoded(smooth(400, 300))  # more pixels than the settings here allow


@pytest.fixture(scope="module")
async def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings,
        metrics_port=free_port(),
        max_source_bytes=200_000,
        max_source_pixels=100_000,
        max_output_side=2000,
    )


@pytest.fixture(scope="module", autouse=True)
async def worker(settings: Settings) -> AsyncIterator[Running]:
    async with working(settings) as running:
        yield running


async def test_a_batch_becomes_pictures_at_their_destinations(
    api: Api, settings: Settings, tenant: Tenant
) -> None:
    jobs = [
        job("a.png"),
        job("/deep/er/b.jpg", {"type": "resize", "height": 24}, quality="90"),
        job("c", {"type": "flip", "direction": "x"}, format="webp"),
    ]
    status = await done_by(api, tenant, tenant.body() | {"jobs": jobs})
    assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"] * 3)
    assert tenant.files() == {"in.png", "a.png", "deep/er/b.jpg", "c"}
    sizes = [(16, 12), (32, 24), (64, 48)]
    for told, kind, size in zip(status["jobs"], ("png", "jpeg", "webp"), sizes, strict=True):
        data = tenant.read(told["destination"].removeprefix("/"))
        assert told["format"] == kind
        assert told["bytes"] == len(data)
        assert told["sha256"] == hashlib.sha256(data).hexdigest()
        picture = Image.open(io.BytesIO(data))
        assert ((told["width"], told["height"]), picture.size) == (size, size)
        assert picture.format == kind.upper()
        assert told["milliseconds"] >= 0
    assert status["updated_at"] >= status["created_at"]
    assert tenant.read("in.png") == PICTURE


async def test_work_is_counted(api: Api, settings: Settings, tenant: Tenant) -> None:
    lines = {
        'darkroom_processes_completed_total{error_code="",outcome="FINISHED"}': 1,
        'darkroom_processes_completed_total{error_code="source_too_large",outcome="FAILED"}': 2,
        'darkroom_source_bytes_total{format="png"}': len(PICTURE),
        'darkroom_source_pixels_total{format="png"}': 64 * 48,
        'darkroom_decode_passes_total{format="png"}': 1,
        'darkroom_cache_lookups_total{cache="plans",result="miss"}': 1,
        'darkroom_jobs_total{error_code="",outcome="DONE"}': 1,
        'darkroom_jobs_total{error_code="source_too_large",outcome="FAILED"}': 2,
        "darkroom_slot_wait_seconds_count": 2,
        'darkroom_queue_wait_seconds_count{priority="high"}': 3,
        'darkroom_process_duration_seconds_count{outcome="FINISHED"}': 1,
        'darkroom_stage_duration_seconds_count{stage="store"}': 1,
        'darkroom_storage_requests_total{op="publish",status="ok"}': 1,
        'darkroom_limits_rejected_total{limit="max_source_pixels"}': 1,
        'darkroom_limits_rejected_total{limit="max_source_bytes"}': 1,
    }
    before = {line: await scraped(settings, line) for line in lines}
    status = await done_by(api, tenant, tenant.body("a.png", priority="high"))
    for data in (LARGE, bytes(200_001)):
        tenant.put("in.png", data)
        await done_by(api, tenant, tenant.body("c.png", priority="high"))
    assert {line: await scraped(settings, line) - before[line] for line in lines} == lines
    made = 'darkroom_output_bytes_total{format="png"}'
    assert await scraped(settings, made) >= status["jobs"][0]["bytes"]
    assert await scraped(settings, "darkroom_worker_slots") == 1
    assert await scraped(settings, "darkroom_worker_slots_busy") == 0
    assert await scraped(settings, "darkroom_worker_slots_free") == 1
    assert await scraped(settings, "darkroom_jobs_in_flight") == 0


SOURCES: list[tuple[bytes | None, str]] = [
    (None, "source_not_found"),
    (b"", "source_empty"),
    (PICTURE[: len(PICTURE) // 2], "source_corrupt"),
    (encoded(smooth(64, 48), "JPEG")[:400], "source_corrupt"),
    (b"This is no picture at all, but quite a long text. " * 40, "unsupported_format"),
    (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "unsupported_format"),
    (noise(300, 300).tobytes(), "source_too_large"),
    (LARGE, "source_too_large"),
]


@pytest.mark.parametrize(("data", "code"), SOURCES, ids=[str(i) for i in range(len(SOURCES))])
async def test_a_source_that_cannot_be_used_has_its_code(
    api: Api, tenant: Tenant, data: bytes | None, code: str
) -> None:
    tenant.put("bad.png", data or b"")
    if data is None:
        (tenant.folder / "bad.png").unlink()
    before = tenant.files()
    body = tenant.body("a.png", "b.jpg") | {"source": "bad.png"}
    status = await done_by(api, tenant, body)
    assert (status["status"], outcomes(status)) == ("FAILED", [code] * 2)
    messages = [told["error"]["message"] for told in status["jobs"]]
    assert all(messages)
    assert not any(str(tenant.folder) in message for message in messages)
    assert tenant.files() == before
    assert (await done_by(api, tenant))["status"] == "FINISHED"


async def test_a_damaged_source_may_be_taken_and_is_called_so(api: Api, tenant: Tenant) -> None:
    data = encoded(noise(64, 48), "JPEG")
    tenant.put("in.png", data[: len(data) // 2] + b"\xff\xd9")
    taken = job("b.jpg", damaged="accept")
    body = tenant.body() | {"jobs": [job("a.jpg"), taken]}
    refused, done = (await done_by(api, tenant, body))["jobs"]
    assert refused["error"]["code"] == "source_corrupt"
    assert (done["status"], done["damaged"]) == ("DONE", True)
    tenant.put("in.png", data)
    (whole,) = (await done_by(api, tenant, tenant.body() | {"jobs": [taken]}))["jobs"]
    assert "damaged" not in whole


async def test_a_result_is_described_in_the_status_and_the_callback(
    api: Api, tenant: Tenant
) -> None:
    jobs = [job("a.png", describe=["palette", "thumbhash"]), job("b.png")]
    async with receiving() as receiver:
        status = await done_by(api, tenant, tenant.body(jobs=jobs, callback=receiver.url))
        await receiver.arrived.wait()
    described = status["jobs"][0]["description"]
    assert set(described) == {"palette", "thumbhash"}
    assert all(colour.startswith("#") for colour in described["palette"])
    assert "description" not in status["jobs"][1]
    assert msgspec.json.decode(receiver.only.body)["jobs"][0]["description"] == described


async def test_limits_name_both_numbers(api: Api, tenant: Tenant) -> None:
    tenant.put("in.png", LARGE)
    [told] = (await done_by(api, tenant))["jobs"]
    assert "120,000" in told["error"]["message"]
    assert "100,000" in told["error"]["message"]


async def test_a_job_that_fails_leaves_the_others_published(api: Api, tenant: Tenant) -> None:
    jobs = [job("a.png"), job("b.png", {"type": "resize", "width": 3000}), job("c.png")]
    status = await done_by(api, tenant, tenant.body() | {"jobs": jobs})
    assert status["status"] == "FAILED"
    assert outcomes(status) == ["DONE", "output_too_large", "DONE"]
    assert tenant.files() == {"in.png", "a.png", "c.png"}


async def test_a_missing_watermark_fails_its_jobs_alone(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    jobs = [job("a.png"), job("b.png", {"type": "watermark", "source": "/none.png"}), job("c.png")]
    body = tenant.body() | {"jobs": jobs}
    process_id = await recorded(
        shared_store, tenant, "a.png", "b.png", "c.png", request=raw_json(body).decode()
    )
    await shared_store.pool.execute("UPDATE processes SET due_at = now() WHERE id = $1", process_id)
    status = await ended(api, tenant, process_id)
    assert outcomes(status) == ["DONE", "source_not_found", "DONE"]
    assert "none.png" in status["jobs"][1]["error"]["message"]


async def test_a_destination_that_cannot_be_written_fails_alone(api: Api, tenant: Tenant) -> None:
    (tenant.folder / "b.png").mkdir()
    status = await done_by(api, tenant, tenant.body("a.png", "b.png"))
    assert outcomes(status) == ["DONE", "storage_denied"]


async def test_a_retry_does_only_what_is_not_done(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    (tenant.folder / "b.png").mkdir()
    process_id = await api.create(tenant, tenant.body("a.png", "b.png"))
    await ended(api, tenant, process_id)
    (tenant.folder / "b.png").rmdir()
    tenant.put("a.png", b"ours now")
    await api.retry(tenant, process_id)
    status = await ended(api, tenant, process_id)
    assert (status["status"], status["attempt"], outcomes(status)) == ("FINISHED", 1, ["DONE"] * 2)
    assert tenant.read("a.png") == b"ours now"
    assert len(tenant.read("b.png")) == status["jobs"][1]["bytes"]
    await api.retry(tenant, process_id, all=True)
    status = await ended(api, tenant, process_id)
    assert (status["status"], status["attempt"]) == ("FINISHED", 2)
    assert tenant.read("a.png") == tenant.read("b.png")


async def test_what_was_accepted_is_not_refused_by_other_limits(
    settings: Settings, tenant: Tenant
) -> None:
    flips: Words = {"type": "flip", "direction": "x"}
    jobs = [job(f"{i}.png") for i in range(69)] + [job("long.png", *[flips] * 70)]
    roomy = msgspec.structs.replace(settings, max_jobs=100, max_transformations=100)
    async with serving(roomy) as api:
        status = await done_by(api, tenant, tenant.body() | {"jobs": jobs})
    assert (status["status"], set(outcomes(status))) == ("FINISHED", {"DONE"})


async def test_accepted_work_of_a_disabled_service_is_finished(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    process_id = await recorded(shared_store, tenant, "a.png")
    await shared_store.services.set_disabled(tenant.service_id, True)
    await shared_store.pool.execute("UPDATE processes SET due_at = now() WHERE id = $1", process_id)

    async def finished() -> bool:
        return bool(await field(shared_store, process_id, "status") == "FINISHED")

    await until(finished)
    assert "a.png" in tenant.files()


async def test_a_folder_that_is_not_there(api: Api, shared_store: Store, tmp_path: Path) -> None:
    tenant = await add_tenant(shared_store, tmp_path / "x", storage="file:///no/such/folder")
    assert outcomes(await done_by(api, tenant)) == ["storage_misconfigured"]


async def test_a_link_that_leads_out_of_the_folder(api: Api, tenant: Tenant) -> None:
    (tenant.folder / "link.png").symlink_to("/etc/passwd")
    status = await done_by(api, tenant, tenant.body() | {"source": "link.png"})
    assert outcomes(status) == ["storage_denied"]
