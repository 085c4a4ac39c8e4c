"""What `POST /explain` reads of storages: headers and no more, from files that may be anything."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import engine
from engine.sources import BLOCK
from service.dev.stack import free_port
from service.embedded import SeaweedFS
from service.sandbox.protocol import Reason
from service.settings import Settings
from service.storage import Part
from service.storage.folder import FolderStorage
from service.store import Store
from tests.engine.images import encoded, noise
from tests.engine.sources.test_partial_source import ALL, FILES
from tests.engine.uploads import KINDS
from tests.s3 import options_of
from tests.service.api.explaining import batch, explain, refusal
from tests.service.harness.api_client import Api, serving
from tests.service.harness.tenants import SMALL, Tenant, add_tenant, job

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


class Spy:
    """Remembers what is read of storages; everything is really read."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        from service.storage.s3 import S3Storage  # noqa: PLC0415 - as tests.s3

        self.read: list[int] = []
        self.fetched = 0
        for kind in (FolderStorage, S3Storage):
            patch.setattr(kind, "read", self._noting(kind.read))
            patch.setattr(kind, "fetch", self._refusing)

    def _noting(self, read: Callable[..., Awaitable[Part]]) -> Callable[..., Awaitable[Part]]:
        async def noting(*args: Any, **options: Any) -> Part:
            part = await read(*args, **options)
            self.read.append(len(part.data))
            return part

        return noting

    async def _refusing(self, *args: Any, **options: Any) -> None:
        self.fetched += 1


@pytest.fixture
def spy() -> Iterator[Spy]:
    with pytest.MonkeyPatch.context() as patch:
        yield Spy(patch)


@pytest.fixture(scope="module")
async def bucket(
    shared_store: Store,
    seaweedfs: SeaweedFS,
    s3_client: "S3Client",
    tmp_path_factory: pytest.TempPathFactory,
) -> Tenant:
    """A service whose storage is in S3."""
    await s3_client.create_bucket(Bucket="headers")
    options = msgspec.structs.asdict(options_of(seaweedfs))
    folder = tmp_path_factory.mktemp("s3")
    return await add_tenant(shared_store, folder, storage="s3://headers/in", options=options)


@pytest.mark.parametrize("place", ["folder", "s3"])
@pytest.mark.parametrize("name", FILES)
async def test_no_more_is_read_than_the_header(
    name: str, place: str, api: Api, tenant: Tenant, bucket: Tenant, s3_client: "S3Client", spy: Spy
) -> None:
    make, most = FILES[name]
    data = make()
    if place == "s3":
        tenant = bucket
        await s3_client.put_object(Bucket="headers", Key="in/image", Body=data)
    else:
        tenant.put("image", data)
    answer = await explain(api, tenant, batch(tenant, job("out.png", SMALL), source="image"))
    facts = engine.read_facts(engine.Source.from_bytes(data))
    assert msgspec.convert(answer.words["facts"], engine.Facts) == facts
    assert sum(spy.read) <= (len(data) if most == ALL else most)
    assert spy.fetched == 0
    assert len(spy.read) <= (2 if most == ALL else 6)


async def test_malformed_headers_are_answered_and_harm_nobody(api: Api, tenant: Tenant) -> None:
    rng, statuses = random.Random(11), Counter[int]()
    harm = set(Reason) - {Reason.OTHER_OWNER}  # children of earlier tests make room for this one's
    exits = [f'darkroom_child_exits_total{{reason="{each.value}"}}' for each in sorted(harm)]
    before = [await api.metric(line) for line in exits]
    for make in KINDS.values():
        data = make()
        for _ in range(3):
            malformed = bytearray(data[: rng.choice([len(data), len(data), len(data) // 2])])
            for _ in range(rng.choice([1, 5, 30])):
                malformed[rng.randrange(len(malformed))] = rng.randrange(256)
            tenant.put("malformed", bytes(malformed))
            answer = await explain(api, tenant, batch(tenant, source="malformed"))
            statuses[answer.status] += 1
            assert answer.words
    assert set(statuses) == {200, 400, 422}
    assert [await api.metric(line) for line in exits] == before


async def test_a_header_that_is_too_long_is_reported_with_the_setting(
    settings: Settings, tenant: Tenant, spy: Spy
) -> None:
    few = msgspec.structs.replace(settings, max_explain_bytes=BLOCK + 1000)
    mark = job("b.png", {"type": "watermark", "source": "animation", "width": 9})
    make, _ = FILES["gif animated"]
    tenant.put("animation", make())
    tenant.put("photo", encoded(noise(320, 240), "JPEG"))
    async with serving(few) as api:
        for body in (
            batch(tenant, source="animation"),
            batch(tenant, job("a.png"), mark, source="photo"),
        ):
            spy.read.clear()
            answer = await explain(api, tenant, body)
            assert refusal(answer) == (422, "limit_exceeded")
            message = answer.words["message"]
            assert "'animation'" in message
            assert f"the limit is {BLOCK + 1000:,} (DARKROOM_MAX_EXPLAIN_BYTES)" in message
            assert sum(spy.read) <= BLOCK + 1000
        assert (await explain(api, tenant, batch(tenant, source="photo"))).status == 200
        line = 'darkroom_limits_rejected_total{limit="max_explain_bytes"}'
        assert await api.metric(line) == 2


async def test_a_source_that_is_replaced_meanwhile_is_asked_for_again(
    api: Api, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = FILES["gif"][0]()
    tenant.put("in.gif", data)
    read = FolderStorage.read

    async def replacing(self: FolderStorage, key: str, **options: Any) -> Part:
        part = await read(self, key, **options)
        tenant.put(key, data + b";")
        return part

    with monkeypatch.context() as patch:
        patch.setattr(FolderStorage, "read", replacing)
        answer = await explain(api, tenant, batch(tenant, source="in.gif"))
        assert refusal(answer) == (503, "storage_unavailable")
    assert (await explain(api, tenant, batch(tenant, source="in.gif"))).status == 200


async def test_errors_of_a_storage_are_reported(
    api: Api, shared_store: Store, bucket: Tenant, seaweedfs: SeaweedFS, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("service.storage.s3.ATTEMPTS", 1)
    good = msgspec.structs.asdict(options_of(seaweedfs))
    nowhere = f"http://127.0.0.1:{free_port()}"
    for change, storage, expected in (
        ({}, "s3://headers/nothing", (404, "source_not_found")),
        ({}, "s3://no-such-bucket", (422, "storage_misconfigured")),
        ({"secret_key": "x"}, "s3://headers", (422, "storage_denied")),
        ({"endpoint": nowhere}, "s3://headers", (503, "storage_unavailable")),
    ):
        tenant = await add_tenant(
            shared_store, tmp_path / expected[1], storage=storage, options=good | change
        )
        answer = await explain(api, tenant)
        assert refusal(answer) == expected
        assert "127.0.0.1" not in answer.words["message"]
