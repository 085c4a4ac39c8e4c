"""Processes whose images are in S3: it works, it refuses, it is away, it comes back."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from service.dev.stack import free_port
from service.embedded import SeaweedFS
from service.errors import StorageUnavailable
from service.settings import Settings
from service.store import Store
from service.worker.worker import Running
from tests.service.harness.api_client import Api
from tests.service.harness.records import field
from tests.service.harness.tenants import PICTURE, Tenant, add_tenant, job
from tests.service.harness.workers import done_by, ended, outcomes, until, working

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

BUCKET = "processes"


@pytest.fixture(scope="module")
async def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, max_errors=2)


@pytest.fixture(scope="module", autouse=True)
async def worker(settings: Settings) -> AsyncIterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.worker.settlement.back_off", lambda _: timedelta(seconds=0.02))
        patch.setattr("service.storage.registry.CACHE_SECONDS", 0.0)
        patch.setattr("service.storage.s3.ATTEMPTS", 1)
        async with working(settings) as running:
            yield running


@pytest.fixture(scope="module")
async def bucket(s3_client: "S3Client") -> "S3Client":
    await s3_client.create_bucket(Bucket=BUCKET)
    await s3_client.put_object(Bucket=BUCKET, Key="one/in.png", Body=PICTURE)
    return s3_client


class Shop:
    """Makes services whose storage is the bucket, or nearly."""

    def __init__(self, store: Store, seaweedfs: SeaweedFS, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self.options: dict[str, object] = {
            "endpoint": seaweedfs.endpoint,
            "access_key": seaweedfs.access_key,
            "secret_key": seaweedfs.secret_key,
        }

    async def tenant(self, storage: str = f"s3://{BUCKET}/one", **options: object) -> Tenant:
        return await add_tenant(
            self._store, self._folder, storage=storage, options=self.options | options
        )


@pytest.fixture
def shop(shared_store: Store, seaweedfs: SeaweedFS, bucket: "S3Client", tmp_path: Path) -> Shop:
    return Shop(shared_store, seaweedfs, tmp_path)


async def test_a_batch_is_published_in_the_bucket(api: Api, shop: Shop, bucket: "S3Client") -> None:
    tenant = await shop.tenant()
    status = await done_by(api, tenant, tenant.body("/a.png", "deep/b.jpg"))
    assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"] * 2)
    for told, kind in zip(status["jobs"], ("image/png", "image/jpeg"), strict=True):
        key = "one/" + told["destination"].removeprefix("/")
        answer = await bucket.get_object(Bucket=BUCKET, Key=key)
        data = await answer["Body"].read()
        assert answer["ContentType"] == kind
        assert hashlib.sha256(data).hexdigest() == told["sha256"]
        assert len(data) == told["bytes"]


async def test_what_a_job_wants_kept_is_kept_beside_the_defaults(
    api: Api, shop: Shop, bucket: "S3Client"
) -> None:
    tenant = await shop.tenant(store={"metadata": {"shop": "one"}, "cache_control": "no-cache"})
    kept = {"cache_control": "max-age=60", "metadata": {"order": "7"}}
    jobs = [job("kept.png", store=kept), job("plain.png")]
    status = await done_by(api, tenant, tenant.body(jobs=jobs))
    assert outcomes(status) == ["DONE"] * 2
    kept_ones = [
        await bucket.head_object(Bucket=BUCKET, Key=f"one/{n}.png") for n in ("kept", "plain")
    ]
    assert [each["CacheControl"] for each in kept_ones] == ["max-age=60", "no-cache"]
    assert kept_ones[0]["Metadata"] == {"order": "7", "shop": "one"}


async def test_what_the_storage_refuses_is_not_tried_again(
    api: Api, shared_store: Store, shop: Shop
) -> None:
    refused = {
        "storage_denied": await shop.tenant(secret_key="wrong"),
        "storage_misconfigured": await shop.tenant("s3://no-such-bucket"),
        "source_not_found": await shop.tenant(f"s3://{BUCKET}/two"),
    }
    for code, tenant in refused.items():
        process_id = await api.create(tenant, tenant.body("a.png", "b.png"))
        assert outcomes(await ended(api, tenant, process_id)) == [code] * 2
        assert await field(shared_store, process_id, "errors") == 0


async def test_a_storage_that_is_away_is_tried_again_and_then_given_up(
    api: Api, shared_store: Store, shop: Shop
) -> None:
    tenant = await shop.tenant(endpoint=f"http://127.0.0.1:{free_port()}")
    process_id = await api.create(tenant, tenant.body("a.png", "b.png"))
    status = await ended(api, tenant, process_id)
    assert (status["status"], outcomes(status)) == ("FAILED", ["storage_unavailable"] * 2)
    assert await field(shared_store, process_id, "(errors, crashes, run)") == (2, 0, 3)
    message = status["jobs"][0]["error"]["message"]
    assert "127.0.0.1" not in message


async def test_a_storage_that_comes_back_in_time_costs_nothing(
    api: Api, shared_store: Store, shop: Shop
) -> None:
    tenant = await shop.tenant(endpoint=f"http://127.0.0.1:{free_port()}")
    process_id = await api.create(tenant, tenant.body("back.png"))

    async def failed_once() -> bool:
        return bool(await field(shared_store, process_id, "errors"))

    await until(failed_once)
    await shared_store.services.set_storage(tenant.service_id, f"s3://{BUCKET}/one", shop.options)
    status = await ended(api, tenant, process_id)
    assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"])
    assert status["attempt"] == 0


async def test_what_was_published_before_the_storage_went_away_is_not_done_again(
    api: Api, shared_store: Store, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A storage that fails for one job of three: only that one is postponed."""
    from service.storage.s3 import S3Storage  # noqa: PLC0415 - as tests.s3

    tenant = await shop.tenant()
    published: list[str] = []
    publish = S3Storage.publish

    async def faulty(self: S3Storage, key: str, body: object, **options: str) -> None:
        if key.endswith("b.png") and "b.png" not in published:
            published.append("b.png")
            raise StorageUnavailable("a moment, please")
        published.append(key)
        await publish(self, key, body, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(S3Storage, "publish", faulty)
    process_id = await api.create(tenant, tenant.body("a.png", "b.png", "c.png"))
    status = await ended(api, tenant, process_id)
    assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"] * 3)
    assert published == ["a.png", "b.png", "c.png", "b.png"]
    assert await field(shared_store, process_id, "(errors, run)") == (1, 2)
