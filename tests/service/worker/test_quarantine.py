"""Which sources are in quarantine, for how long, and who knows."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import BinaryIO

import pytest

from service.errors import SourceQuarantined
from service.quarantine import SourceQuarantine, sha256_of
from service.settings import Settings
from service.store import Store
from service.tasks import stop
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import until

HOUR = timedelta(hours=1)


@pytest.fixture
def source(tenant: Tenant) -> Iterator[BinaryIO]:
    with open(tenant.folder / "in.png", "rb") as file:
        yield file


async def test_other_workers_learn_of_it(
    store: Store, settings: Settings, tenant: Tenant, stranger: Tenant, source: BinaryIO
) -> None:
    ours, theirs = [SourceQuarantine(store.quarantine, settings) for _ in range(2)]
    await ours.note(tenant.service_id, source, 2)
    await ours.check(tenant.service_id, source)
    await ours.note(tenant.service_id, source, 1)
    with pytest.raises(SourceQuarantined):
        await ours.check(tenant.service_id, source)
    await ours.check(stranger.service_id, source)
    await theirs.check(tenant.service_id, source)
    learning = asyncio.create_task(theirs.run())

    async def knows() -> bool:
        try:
            await theirs.check(tenant.service_id, source)
        except SourceQuarantined:
            return True
        return False

    await until(knows)
    await stop(learning)


async def test_crashes_count_for_a_while(store: Store, tenant: Tenant, source: BinaryIO) -> None:
    name = (tenant.service_id, await sha256_of(source))

    async def note() -> int:
        return await store.quarantine.note(*name, 9, crashes=2, window=HOUR)

    assert [await note(), await note()] == [2, 4]
    assert await store.quarantine.find(*name, least=4, window=HOUR)
    assert not await store.quarantine.find(*name, least=5, window=HOUR)
    await store.pool.execute("UPDATE source_crashes SET last_at = now() - interval '61 minutes'")
    assert not await store.quarantine.find(*name, least=4, window=HOUR)
    assert await store.quarantine.list(4, HOUR) == []
    assert await note() == 2
    await store.quarantine.forget(HOUR)
    assert [row.crashes for row in await store.quarantine.list(2, HOUR)] == [2]
    assert await store.quarantine.lift(*name)
    assert not await store.quarantine.lift(*name)
