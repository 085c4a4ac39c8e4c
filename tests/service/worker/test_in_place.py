"""Jobs that overwrite an input of their process: once, last, and of nothing but what it was.

What a crash leaves of them is in test_crash_points.py.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta

import pytest

from engine.errors import DarkroomError
from service.errors import StorageUnavailable
from service.settings import Settings
from service.storage import Upload
from service.storage.folder import FolderStorage
from service.store import Store
from service.worker.worker import Running
from tests.engine.images import encoded, smooth
from tests.service.harness.api_client import Api
from tests.service.harness.records import field
from tests.service.harness.tenants import PICTURE, Tenant, Words, job
from tests.service.harness.workers import done_by, ended, outcomes, working

BRIGHTER: Words = {"type": "brightness", "bright_level": 30}
NEW = encoded(smooth(80, 60))


@pytest.fixture(scope="module", autouse=True)
async def worker(settings: Settings) -> AsyncIterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.worker.settlement.back_off", lambda _: timedelta(seconds=0.02))
        async with working(settings) as running:
            yield running


def in_place(tenant: Tenant) -> Words:
    """Overwrite the source, first of all; the twin is made alike, beside it."""
    return tenant.body() | {"jobs": [job("/in.png", BRIGHTER), job("twin.png", BRIGHTER)]}


async def retried(api: Api, tenant: Tenant, process_id: str, **fields: object) -> Words:
    answer = await api.retry(tenant, process_id, **fields)
    assert answer.words[0]["description"].startswith("Reprocessing"), answer.words
    return await ended(api, tenant, process_id)


async def test_other_jobs_are_made_of_what_is_overwritten(
    api: Api, shared_store: Store, tenant: Tenant
) -> None:
    status = await done_by(api, tenant, in_place(tenant))
    assert status["status"] == "FINISHED"
    assert tenant.read("in.png") == tenant.read("twin.png") != PICTURE
    plain = await done_by(api, tenant, tenant.body("a.png"))
    assert await field(shared_store, plain["process_id"], "in_place") is None


async def test_a_watermark_is_an_input_too(api: Api, tenant: Tenant) -> None:
    tenant.put("mark.png", encoded(smooth(8, 8)))
    stamp = {"type": "watermark", "source": "/mark.png"}
    await done_by(api, tenant, tenant.body() | {"jobs": [job("before.png", stamp)]})
    jobs = [job("mark.png"), job("after.png", stamp)]
    assert (await done_by(api, tenant, tenant.body() | {"jobs": jobs}))["status"] == "FINISHED"
    assert tenant.read("after.png") == tenant.read("before.png")


async def test_all_again_is_not_done_twice_and_makes_nothing_of_what_was_made(
    api: Api, tenant: Tenant
) -> None:
    process_id = (await done_by(api, tenant, in_place(tenant)))["process_id"]
    once = tenant.read("in.png")
    status = await retried(api, tenant, process_id, all=True)
    assert outcomes(status) == ["DONE", "source_changed"]
    assert '"source": "new"' in status["jobs"][1]["error"]["message"]
    assert tenant.read("in.png") == tenant.read("twin.png") == once
    status = await retried(api, tenant, process_id, all=True, source="new")
    assert status["status"] == "FINISHED"
    assert tenant.read("in.png") == tenant.read("twin.png") != once


async def test_another_file_by_now_is_left_alone_until_it_is_asked_for(
    api: Api, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, lambda: tenant.put("in.png", NEW), "/in.png", stored=False)
    status = await done_by(api, tenant, in_place(tenant))
    assert outcomes(status) == ["source_changed", "DONE"]
    status = await retried(api, tenant, status["process_id"])
    assert outcomes(status) == ["source_changed", "DONE"]
    assert tenant.read("in.png") == NEW
    status = await retried(api, tenant, status["process_id"], source="new")
    assert (status["status"], status["jobs"][0]["width"]) == ("FINISHED", 80)
    assert tenant.read("in.png") not in {NEW, tenant.read("twin.png")}


@pytest.mark.parametrize(
    ("key", "stored"), [("twin.png", False), ("/in.png", False), ("/in.png", True)]
)
async def test_a_storage_that_fails_for_a_moment_changes_nothing(
    api: Api, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, key: str, stored: bool
) -> None:
    """Nothing is overwritten while another job is to be done again; stored may be unknown."""
    fail(monkeypatch, lambda: None, key, stored=stored)
    status = await done_by(api, tenant, in_place(tenant))
    assert (status["status"], outcomes(status)) == ("FINISHED", ["DONE"] * 2)
    assert tenant.read("in.png") == tenant.read("twin.png") != PICTURE


def fail(patch: pytest.MonkeyPatch, then: Callable[[], None], key: str, *, stored: bool) -> None:
    """Have the storage fail once for a key, after it has stored it or not."""
    publish_all = FolderStorage.publish_all

    async def faulty(
        self: FolderStorage, uploads: Sequence[Upload], *, check: Callable[[], None]
    ) -> list[DarkroomError | None]:
        fails = [upload.key == key.removeprefix("/") for upload in uploads]
        good = [u for u, failing in zip(uploads, fails, strict=True) if stored or not failing]
        errors = iter(await publish_all(self, good, check=check))
        results = [None if failing and not stored else next(errors) for failing in fails]
        if any(fails):
            patch.setattr(FolderStorage, "publish_all", publish_all)
            then()
        return [
            StorageUnavailable("a moment, please") if failing else error
            for failing, error in zip(fails, results, strict=True)
        ]

    patch.setattr(FolderStorage, "publish_all", faulty)
