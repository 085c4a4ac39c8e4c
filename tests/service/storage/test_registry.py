"""The storages of many services: opened once, followed when they change, closed in the end."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import BinaryIO

import pytest

from engine.errors import DarkroomError
from engine.schema import StoreOptions
from service.errors import StorageMisconfigured
from service.storage import Part, StorageOptions, Storages, Upload
from service.storage.options import StorageLimits
from service.storage.protocol import NOTHING, OnRequest, allow, ignore
from service.storage.registry import CACHE_SECONDS
from service.store import Store
from tests.service.harness.clock import Clock
from tests.service.harness.tenants import Tenant, add_tenant


class Counted:
    """A storage that is only opened and closed."""

    opened: list["Counted"]

    def __init__(self, url: str) -> None:
        self.url = url
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1

    async def fetch(self, key: str, *, limit: int) -> BinaryIO:
        raise NotImplementedError

    async def read(self, key: str, *, start: int, count: int, limit: int) -> Part:
        raise NotImplementedError

    async def publish(
        self, key: str, body: BinaryIO, *, content_type: str, store: StoreOptions = NOTHING
    ) -> None:
        raise NotImplementedError

    async def publish_all(
        self, uploads: Sequence[Upload], *, check: Callable[[], None] = allow
    ) -> list[DarkroomError | None]:
        raise NotImplementedError

    async def check(self) -> None:
        raise NotImplementedError

    async def mark(self) -> str:
        raise NotImplementedError


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    """Give every storage that was opened, in order."""
    found: list[Counted] = []

    async def open_counted(
        url: str, _: StorageOptions, *, limits: StorageLimits, on_request: OnRequest
    ) -> Counted:
        found.append(Counted(url))
        return found[-1]

    monkeypatch.setattr("service.storage.registry.open_storage", open_counted)
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def storages(store: Store, clock: Clock) -> AsyncIterator[Storages]:
    made = Storages(store.services.get, StorageLimits(), ignore, clock)
    yield made
    await made.close()


async def some_services(store: Store, tmp_path: Path, count: int) -> list[Tenant]:
    return [
        await add_tenant(store, tmp_path, storage=f"s3://bucket-{index}") for index in range(count)
    ]


async def use(storages: Storages, tenants: list[Tenant]) -> None:
    for tenant in tenants:
        async with storages.of(tenant.service_id):
            pass


async def test_as_many_as_there_is_room_for_stay_open(
    store: Store, storages: Storages, opened: list[Counted], tmp_path: Path
) -> None:
    tenants = await some_services(store, tmp_path, 100)
    for _ in range(3):
        await use(storages, tenants)
    assert len(opened) == 100
    assert sum(storage.closed for storage in opened) == 0


async def test_when_there_is_no_room_one_that_nobody_uses_goes(
    store: Store, storages: Storages, opened: list[Counted], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("service.storage.registry.MAX_OPEN", 3)
    tenants = await some_services(store, tmp_path, 5)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(storages.of(tenants[0].service_id))
        await use(storages, tenants)
        assert first is opened[0]
        assert [storage.closed for storage in opened] == [0, 1, 1, 0, 0]
        for tenant in tenants[3:]:
            await stack.enter_async_context(storages.of(tenant.service_id))
        await use(storages, tenants)  # more than there is room for, but all are in use
        assert [opened[index].closed for index in (0, 3, 4)] == [0, 0, 0]


async def test_what_is_changed_is_followed_after_a_while(
    store: Store, storages: Storages, opened: list[Counted], clock: Clock, tmp_path: Path
) -> None:
    [tenant] = await some_services(store, tmp_path, 1)
    await use(storages, [tenant])
    await store.services.set_storage(tenant.service_id, "s3://elsewhere", {"region": "eu"})
    await use(storages, [tenant])
    clock.now += CACHE_SECONDS
    await use(storages, [tenant])
    assert [storage.url for storage in opened] == ["s3://bucket-0", "s3://elsewhere"]


async def test_services_with_the_same_storage_share_it(
    store: Store, storages: Storages, opened: list[Counted], tmp_path: Path
) -> None:
    tenants = [await add_tenant(store, tmp_path, storage="s3://shared") for _ in range(2)]
    await use(storages, tenants)
    assert len(opened) == 1


async def test_all_are_closed_in_the_end(
    store: Store, storages: Storages, opened: list[Counted], tmp_path: Path
) -> None:
    await use(storages, await some_services(store, tmp_path, 3))
    await storages.close()
    assert [storage.closed for storage in opened] == [1, 1, 1]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("nonsense", {}),
        ("s3://bucket", {"no_such_option": "x"}),
        ("s3://bucket", {"endpoint": "x"}),
    ],
)
async def test_what_cannot_be_opened_says_so(
    store: Store, storages: Storages, tmp_path: Path, url: str, options: dict[str, str]
) -> None:
    tenant = await add_tenant(store, tmp_path, storage=url, options=options)
    with pytest.raises(StorageMisconfigured):
        await use(storages, [tenant])


async def test_a_service_that_no_longer_exists(storages: Storages) -> None:
    with pytest.raises(StorageMisconfigured, match="no longer exists"):
        async with storages.of(999_999):
            pass
