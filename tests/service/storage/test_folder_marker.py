"""A storage that is away is told from one whose files are gone."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from service.errors import (
    DarkroomError,
    SourceNotFound,
    StorageDenied,
    StorageMisconfigured,
    StorageUnavailable,
)
from service.settings import Settings
from service.storage import Storage, StorageOptions, open_storage
from service.store import Store
from tests.service.harness.api_client import Api
from tests.service.harness.records import field
from tests.service.harness.tenants import add_tenant
from tests.service.harness.workers import ended, outcomes, until, working


@pytest.fixture
async def storage(tmp_path: Path) -> Storage:
    """One that was set up, and then opened with its marker."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"here")
    marker = await (await open_storage(root.as_uri())).mark()
    return await open_storage(root.as_uri(), StorageOptions(marker=marker))


async def attempt(storage: Storage, op: str) -> type[DarkroomError] | None:
    """Do one thing; returns the kind of error that came of it."""
    try:
        match op:
            case "fetch":
                (await storage.fetch("a", limit=100)).close()
            case "read":
                await storage.read("a", start=0, count=1, limit=100)
            case "publish":
                await storage.publish("new/b", io.BytesIO(b"x"), content_type="image/png")
            case "check":
                await storage.check()
    except DarkroomError as error:
        return type(error)
    return None


def rename(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def leave_a_mount_point(root: Path) -> None:
    rename(root)
    root.mkdir()


def mount_something_else(root: Path) -> None:
    leave_a_mount_point(root)
    (root / ".darkroom").write_text("0" * 32 + "\n")


def put_back(root: Path) -> None:
    if root.exists():
        for path in root.iterdir():
            path.unlink()
        root.rmdir()
    root.with_name("elsewhere").rename(root)


OPS = ["fetch", "read", "publish", "check"]


@pytest.mark.parametrize("go", [rename, leave_a_mount_point, mount_something_else])
@pytest.mark.parametrize("op", OPS)
async def test_a_folder_that_is_away_may_come_back(
    storage: Storage, tmp_path: Path, op: str, go: Callable[[Path], None]
) -> None:
    root = tmp_path / "root"
    go(root)
    before = sorted(root.rglob("*"))
    assert await attempt(storage, op) is StorageUnavailable
    assert StorageUnavailable.retryable
    assert sorted(root.rglob("*")) == before  # nothing is written below an empty mount point
    put_back(root)
    assert await attempt(storage, op) is None


async def test_a_file_that_is_gone_is_gone(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "root" / "a").unlink()
    assert await attempt(storage, "fetch") is SourceNotFound


async def test_a_folder_that_never_was_marked_is_not_waited_for(tmp_path: Path) -> None:
    storage = await open_storage((tmp_path / "nowhere").as_uri())
    assert await attempt(storage, "fetch") is StorageMisconfigured
    (tmp_path / "nowhere").mkdir()
    assert await attempt(storage, "fetch") is SourceNotFound


async def test_a_folder_is_marked_once_for_whoever_asks(storage: Storage, tmp_path: Path) -> None:
    content = (tmp_path / "root" / ".darkroom").read_text()
    assert await storage.mark() == content.strip()
    assert (tmp_path / "root" / ".darkroom").read_text() == content
    assert len(content.strip()) == 32


@pytest.mark.parametrize("content", ["", "somebody else's", "0" * 31, "0" * 64])
async def test_a_marker_that_is_not_ours(tmp_path: Path, content: str) -> None:
    (tmp_path / ".darkroom").write_text(content)
    with pytest.raises(StorageMisconfigured, match=r"\.darkroom"):
        await (await open_storage(tmp_path.as_uri())).mark()


async def test_a_marker_is_not_followed_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("0" * 32)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / ".darkroom").symlink_to(outside)
    with pytest.raises(StorageMisconfigured):
        await (await open_storage((tmp_path / "root").as_uri())).mark()


async def test_the_marker_belongs_to_nobody_else(storage: Storage) -> None:
    for key in (".darkroom", "/.darkroom", "sub/.darkroom", ".darkroom/a"):
        with pytest.raises(StorageDenied, match="reserves for itself"):
            await storage.publish(key, io.BytesIO(b"x"), content_type="image/png")
        with pytest.raises(StorageDenied, match="reserves for itself"):
            await storage.fetch(key, limit=100)


async def test_work_waits_for_a_storage_that_comes_back(
    api: Api, settings: Settings, shared_store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    marker = await (await open_storage(root.as_uri())).mark()
    tenant = await add_tenant(shared_store, root, options={"marker": marker})
    leave_a_mount_point(root)
    quick = msgspec.structs.replace(settings, redispatch_seconds=0.2)
    async with working(quick):
        process_id = await api.create(tenant, tenant.body("a.png", "b.png"))

        async def tried() -> bool:
            return bool(await field(shared_store, process_id, "errors"))

        await until(tried)
        assert os.listdir(root) == []
        put_back(root)
        status = await ended(api, tenant, process_id)
    assert outcomes(status) == ["DONE", "DONE"]
