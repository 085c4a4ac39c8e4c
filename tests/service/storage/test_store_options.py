"""What S3 keeps with an object and serves it by, on a real server; and what a folder does not."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from engine.schema import StoreOptions
from service.embedded import SeaweedFS
from service.errors import StorageMisconfigured
from service.storage import Storage, open_storage, read_options
from tests.engine.images import job
from tests.s3 import options_of

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

BUCKET = "kept"


def asked(**store: Any) -> StoreOptions:
    return job(store=store).store


@pytest.fixture(scope="module")
async def bucket(s3_client: "S3Client") -> "S3Client":
    await s3_client.create_bucket(Bucket=BUCKET)
    return s3_client


@pytest.fixture
async def storage(seaweedfs: SeaweedFS, bucket: "S3Client") -> AsyncIterator[Storage]:
    defaults = asked(cache_control="no-cache", metadata={"by": "the shop", "shelf": "4"})
    options = msgspec.structs.replace(options_of(seaweedfs), store=defaults)
    storage = await open_storage(f"s3://{BUCKET}", options)
    yield storage
    await storage.close()


async def test_what_a_job_asks_for_is_served(storage: Storage, bucket: "S3Client") -> None:
    store = asked(
        cache_control="public, max-age=60",
        content_disposition='attachment; filename="a b.jpg"',
        metadata={"Shelf": "9", "photo-by": "A. Adams; (c) 2024 = all"},
        storage_class="STANDARD_IA",
        acl="public-read",
    )
    from service.storage.s3 import S3Storage  # noqa: PLC0415 - as tests.s3

    assert isinstance(storage, S3Storage)
    sent: list[Any] = []
    storage._client.meta.events.register(
        "before-call.s3.PutObject", lambda params, **_: sent.append(params["headers"])
    )
    await storage.publish("a.jpg", io.BytesIO(b"a"), content_type="image/jpeg", store=store)
    found = await bucket.head_object(Bucket=BUCKET, Key="a.jpg")
    assert found["CacheControl"] == "public, max-age=60"
    assert found["ContentDisposition"] == 'attachment; filename="a b.jpg"'
    assert found["ContentType"] == "image/jpeg"
    assert found["StorageClass"] == "STANDARD_IA"
    assert found["Metadata"] == {
        "shelf": "9", "by": "the shop", "photo-by": "A. Adams; (c) 2024 = all",
    }  # fmt: skip
    assert sent[0]["x-amz-acl"] == "public-read"  # this server tells nobody of canned ACLs


async def test_without_it_the_defaults_of_the_service_hold(
    storage: Storage, bucket: "S3Client"
) -> None:
    await storage.publish("b.jpg", io.BytesIO(b"b"), content_type="image/jpeg")
    found = await bucket.head_object(Bucket=BUCKET, Key="b.jpg")
    assert found["CacheControl"] == "no-cache"
    assert found["Metadata"] == {"by": "the shop", "shelf": "4"}
    assert found.get("ContentDisposition") is None


async def test_without_either_an_object_has_its_type_alone(
    seaweedfs: SeaweedFS, bucket: "S3Client"
) -> None:
    storage = await open_storage(f"s3://{BUCKET}", options_of(seaweedfs))
    await storage.publish("c.jpg", io.BytesIO(b"c"), content_type="image/jpeg")
    await storage.close()
    found = await bucket.head_object(Bucket=BUCKET, Key="c.jpg")
    assert found["Metadata"] == {}
    assert found.get("CacheControl") is None
    assert found["ContentType"] == "image/jpeg"


@pytest.mark.parametrize(
    "recorded",
    [{"store": {"cache_control": "a\r\nb: c"}}, {"store": {"unheard": 1}}, {"ignore_store": 1}],
)
def test_recorded_options_are_checked(recorded: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_options(recorded)


async def test_a_folder_can_have_no_defaults(tmp_path: Path) -> None:
    with pytest.raises(StorageMisconfigured, match="a folder keeps nothing with a file"):
        await open_storage(tmp_path.as_uri(), read_options({"store": {"acl": "private"}}))
