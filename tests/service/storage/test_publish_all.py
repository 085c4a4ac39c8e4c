"""Files that get their names together, each all or nothing."""

import asyncio
import io
import os
import threading
from pathlib import Path

import pytest

from service.errors import SourceNotFound, StorageDenied, StorageUnavailable
from service.storage import Storage, Upload, open_storage
from service.storage.folder_paths import Root
from service.storage.folder_publish import HELPERS, Publication, _Replacement, publish_group
from tests.service.storage.objects import get, put


@pytest.fixture
async def storage(tmp_path: Path) -> Storage:
    return await open_storage(tmp_path.as_uri())


def uploads(**contents: bytes) -> list[Upload]:
    return [
        Upload(key=f"all/{name}", body=io.BytesIO(content), content_type="image/jpeg")
        for name, content in contents.items()
    ]


async def test_what_fails_fails_alone(storage: Storage) -> None:
    await put(storage, "all/b", b"old")
    wanted = uploads(a=b"1", b=b"2", c=b"3")
    wanted[1] = Upload(key="../b", body=io.BytesIO(b"2"), content_type="image/jpeg")
    errors = await storage.publish_all(wanted)
    assert [type(error) for error in errors] == [type(None), StorageDenied, type(None)]
    assert [await get(storage, f"all/{name}") for name in "abc"] == [b"1", b"old", b"3"]


async def test_a_check_that_fails_lets_nothing_become_visible(
    storage: Storage, tmp_path: Path
) -> None:
    """It is asked when all is written, so that as little time as can be passes afterwards."""
    written: list[list[str]] = []

    def refuse() -> None:
        written.append(os.listdir(tmp_path / "all"))
        raise LookupError("not ours")

    await put(storage, "all/a", b"old")
    with pytest.raises(LookupError):
        await storage.publish_all(uploads(a=b"1", b=b"2"), check=refuse)
    assert [len(names) for names in written] == [3]
    assert os.listdir(tmp_path / "all") == ["a"]
    assert await get(storage, "all/a") == b"old"
    with pytest.raises(SourceNotFound):
        await get(storage, "all/b")


async def test_a_folder_that_cannot_be_flushed_fails_all_that_is_in_it(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: _Replacement) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(_Replacement, "flush_folder", fail)
    errors = await storage.publish_all(uploads(a=b"1", b=b"2"))
    assert [type(error) for error in errors] == [StorageUnavailable] * 2


async def test_publications_of_a_group_are_refused_one_by_one(tmp_path: Path) -> None:
    def refuse() -> None:
        raise LookupError("not ours")

    group = [
        Publication(uploads(a=b"1"), lambda: None),
        Publication(uploads(a=b"2", b=b"2"), refuse),
        Publication([Upload(key="../b", body=io.BytesIO(), content_type="")], lambda: None),
        Publication(uploads(c=b"3"), lambda: None),
    ]
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        found = publish_group(group, Root(folder, str(tmp_path)), lambda _: None)
    finally:
        os.close(folder)
    assert found[0] == found[3] == [None]
    assert isinstance(found[1], LookupError)
    assert isinstance(found[2], list)
    assert [type(error) for error in found[2]] == [StorageDenied]
    assert {file.name: file.read_bytes() for file in (tmp_path / "all").iterdir()} == {
        "a": b"1",
        "c": b"3",
    }


async def test_a_disk_that_hangs_holds_up_no_other_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, held, flush = threading.Semaphore(0), threading.Event(), _Replacement.flush

    def hang(file: _Replacement) -> None:
        if file._upload.key.startswith("all/hang"):
            hanging.release()
            held.wait(20)
        flush(file)

    monkeypatch.setattr(_Replacement, "flush", hang)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    slow, quick = [await open_storage((tmp_path / name).as_uri()) for name in "ab"]
    names = [f"hang{number}" for number in range(HELPERS + 1)]
    held_up = asyncio.create_task(slow.publish_all(uploads(**dict.fromkeys(names, b"1"))))
    try:
        for _ in names:
            await asyncio.to_thread(hanging.acquire, timeout=10)
        async with asyncio.timeout(10):
            assert await quick.publish_all(uploads(a=b"1", b=b"2", c=b"3")) == [None] * 3
    finally:
        held.set()
    assert await held_up == [None] * len(names)
