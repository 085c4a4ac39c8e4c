"""One suite for every storage: whatever holds for a folder holds for S3."""

import asyncio
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import SourceTooLarge
from service.embedded import SeaweedFS
from service.errors import (
    SourceNotFound,
    StorageDenied,
    StorageMisconfigured,
    StorageUnavailable,
)
from service.storage import Storage, StorageOptions, open_storage
from tests.s3 import options_of
from tests.service.storage.objects import LIMIT, get, put

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

NOBODY = 65534


@dataclass
class Place:
    """One kind of storage, with the ways in which it goes wrong."""

    url: str
    options: StorageOptions = field(default_factory=StorageOptions)
    client: "S3Client | None" = None

    async def names(self) -> list[str]:
        """Every key that is stored."""
        parts = urlsplit(self.url)
        if self.client is None:
            root = Path(parts.path)
            return _files(root)
        prefix = parts.path.removeprefix("/") + "/"
        found = await self.client.list_objects_v2(Bucket=parts.netloc, Prefix=prefix)
        return sorted(entry["Key"].removeprefix(prefix) for entry in found.get("Contents", []))

    @property
    def missing_url(self) -> str:
        if self.client:
            return "s3://no-such-bucket/prefix"
        return self.url + "/no-such-folder"

    @contextmanager
    def locked(self, key: str) -> Iterator[StorageOptions]:
        """Revoke access to the key; gives the options to open the storage with."""
        if self.client:
            yield msgspec.structs.replace(self.options, secret_key="not-the-key")
            return
        path = Path(self.url.removeprefix("file://")) / key
        path.chmod(0)
        path.parent.chmod(0o555)
        if os.geteuid() == 0:  # permissions stop everybody but root
            os.seteuid(NOBODY)
        try:
            yield self.options
        finally:
            os.seteuid(os.getuid())
            path.parent.chmod(0o755)
            path.chmod(0o644)


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "folder":
        with tempfile.TemporaryDirectory() as root:  # nobody cannot reach that of pytest
            os.chmod(root, 0o755)
            yield Place(f"file://{root}")
        return
    server: SeaweedFS = request.getfixturevalue("seaweedfs")
    client = request.getfixturevalue("s3_client")
    yield Place(f"s3://{server.bucket}/{uuid4().hex}", options_of(server), client)


@pytest.fixture
async def storage(place: Place) -> AsyncIterator[Storage]:
    opened = await open_storage(place.url, place.options)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "key", ["a.jpg", "deep/er/b.jpg", "with space.jpg", "ünï/çödé 照片.png", "a+b&c=d%20?#.jpg"]
)
async def test_what_was_published_is_fetched(storage: Storage, key: str) -> None:
    content = os.urandom(100_000)
    await put(storage, key, content)
    assert await get(storage, key) == content
    assert await get(storage, "/" + key) == content


async def test_a_fetched_file_has_a_descriptor_at_its_start_and_can_seek(storage: Storage) -> None:
    await put(storage, "a", b"0123456789")
    with await storage.fetch("a", limit=10) as file:
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0
        assert os.fstat(file.fileno()).st_size == 10
        assert os.pread(file.fileno(), 4, 3) == b"3456"
        file.seek(8)
        assert file.read() == b"89"
        with pytest.raises(OSError, match=r"Bad file descriptor|Operation not permitted"):
            os.pwrite(file.fileno(), b"x", 0)


async def test_a_file_in_memory_is_published_from_its_start_and_stays_open(
    storage: Storage,
) -> None:
    with os.fdopen(os.memfd_create("result"), "w+b") as body:
        body.write(b"rendered by a child")
        body.flush()
        await storage.publish("out.webp", body, content_type="image/webp")
        await storage.publish("out2.webp", body, content_type="image/webp")
        assert not body.closed
    assert await get(storage, "out.webp") == b"rendered by a child"
    assert await get(storage, "out2.webp") == b"rendered by a child"


async def test_nothing_there(storage: Storage) -> None:
    await put(storage, "folder/a.jpg", b"a")
    for key in ("b.jpg", "folder/b.jpg", "folder", "folder/a.jpg/c.jpg"):
        with pytest.raises(SourceNotFound) as error:
            await get(storage, key)
        assert not error.value.retryable
        assert key in error.value.message


async def test_the_limit_is_the_last_size_that_passes(storage: Storage) -> None:
    await put(storage, "a", b"x" * 1000)
    (await storage.fetch("a", limit=1000)).close()
    with pytest.raises(SourceTooLarge) as error:
        await storage.fetch("a", limit=999)
    assert error.value.limit == "DARKROOM_MAX_SOURCE_BYTES"
    assert (error.value.allowed, error.value.found) == (999, 1000)


@pytest.mark.parametrize(
    ("start", "count"), [(0, 1), (0, 9), (0, 10), (0, 11), (3, 4), (9, 1), (9, 50)]
)
async def test_a_part_is_read_with_the_size_of_the_whole(
    storage: Storage, start: int, count: int
) -> None:
    content = b"0123456789"
    await put(storage, "a", content)
    part = await storage.read("/a", start=start, count=count, limit=10)
    assert (part.data, part.size) == (content[start : start + count], 10)


async def test_parts_show_whether_they_are_of_the_same_object(storage: Storage) -> None:
    async def version(start: int) -> str:
        return (await storage.read("a", start=start, count=2, limit=LIMIT)).version

    await put(storage, "a", b"0123456789")
    first = await version(0)
    assert first == await version(5)
    await put(storage, "a", b"0123456780")
    assert first != await version(5)


async def test_a_part_has_the_errors_of_the_whole(storage: Storage) -> None:
    await put(storage, "folder/a", b"x" * 1000)
    with pytest.raises(SourceTooLarge) as error:
        await storage.read("folder/a", start=0, count=10, limit=999)
    assert (error.value.allowed, error.value.found) == (999, 1000)
    for key in ("b", "folder", "folder/a/c"):
        with pytest.raises(SourceNotFound):
            await storage.read(key, start=0, count=10, limit=LIMIT)
    with pytest.raises(StorageDenied):
        await storage.read("../a", start=0, count=10, limit=LIMIT)


async def test_an_empty_object(storage: Storage) -> None:
    await put(storage, "empty", b"")
    assert await get(storage, "empty") == b""
    part = await storage.read("empty", start=0, count=10, limit=LIMIT)
    assert (part.data, part.size) == (b"", 0)


async def test_a_large_object(storage: Storage) -> None:
    content = os.urandom(30_000_000)
    await put(storage, "large", content)
    assert await get(storage, "large") == content


async def test_a_reader_sees_the_old_or_the_new_object_whole(storage: Storage) -> None:
    old, new = b"o" * 300_000, b"n" * 200_000
    await put(storage, "a", old)
    seen = set()

    async def read_until(writer: asyncio.Task[None]) -> None:
        while not writer.done():
            content = await get(storage, "a")
            assert content in (old, new)
            seen.add(content)

    async def overwrite() -> None:
        for _ in range(15):
            await put(storage, "a", new)
            await put(storage, "a", old)

    writer = asyncio.create_task(overwrite())
    await asyncio.gather(writer, read_until(writer), read_until(writer))
    assert seen == {old, new}


# Publishes a body that stalls after its first third, and waits to be killed.
STALLING_WRITER = """
import asyncio, io, sys, time
import msgspec
from service.storage.options import StorageOptions
from service.storage.urls import open_storage

class Stalling(io.BytesIO):
    def read(self, size=-1):
        if self.tell() >= 1_000_000:
            print("half", flush=True)
            time.sleep(60)
        return super().read(size)

async def main(url, options):
    storage = await open_storage(url, msgspec.json.decode(options, type=StorageOptions))
    await storage.publish("f/a.jpg", Stalling(bytes(3_000_000)), content_type="image/jpeg")

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("before", [None, b"old"])
async def test_a_writer_killed_half_way_changes_nothing(
    place: Place, storage: Storage, repository: Path, before: bytes | None
) -> None:
    if before is not None:
        await put(storage, "f/a.jpg", before)
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STALLING_WRITER, place.url, msgspec.json.encode(place.options),
        cwd=repository, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"half\n"
    writer.kill()
    await writer.communicate()

    if before is None:
        with pytest.raises(SourceNotFound):
            await get(storage, "f/a.jpg")
    else:
        assert await get(storage, "f/a.jpg") == before
    await put(storage, "f/a.jpg", b"new")
    assert await get(storage, "f/a.jpg") == b"new"


class Breaking(io.BytesIO):
    """A body that fails after its first 100,000 bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= 100_000:
            raise OSError(5, "Input/output error")
        return super().read(min(size or 100_000, 100_000))


async def test_a_body_that_breaks_changes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.storage.s3.ATTEMPTS", 1)
    storage = await open_storage(place.url, place.options)
    await put(storage, "a", b"old")
    with pytest.raises(StorageUnavailable):
        await storage.publish("a", Breaking(bytes(300_000)), content_type="image/jpeg")
    assert await get(storage, "a") == b"old"
    await storage.close()


async def test_denied(place: Place, storage: Storage) -> None:
    await put(storage, "a", b"secret")
    with place.locked("a") as options:
        locked = await open_storage(place.url, options)
        part = locked.read("a", start=0, count=1, limit=LIMIT)
        for attempt in (get(locked, "a"), part, put(locked, "b", b"x"), locked.check()):
            with pytest.raises(StorageDenied) as error:
                await attempt
            assert not error.value.retryable
        await locked.close()
    assert await get(storage, "a") == b"secret"


async def test_a_place_that_does_not_exist(place: Place) -> None:
    storage = await open_storage(place.missing_url, place.options)
    part = storage.read("a", start=0, count=1, limit=LIMIT)
    for attempt in (get(storage, "a"), part, put(storage, "a", b"x"), storage.check()):
        with pytest.raises(StorageMisconfigured) as error:
            await attempt
        assert not error.value.retryable
    await storage.close()


async def test_check_and_close(storage: Storage) -> None:
    await storage.check()
    await storage.close()
    await storage.close()


async def test_every_request_is_observed(place: Place) -> None:
    seen: list[tuple[str, str]] = []

    def observe(op: str, status: str, seconds: float) -> None:
        assert 0 < seconds < 60
        seen.append((op, status))

    storage = await open_storage(place.url, place.options, on_request=observe)
    await put(storage, "a", b"x")
    await get(storage, "a")
    await storage.read("a", start=0, count=1, limit=1)
    with pytest.raises(SourceNotFound):
        await get(storage, "b")
    await storage.check()
    await storage.close()
    assert seen == [
        ("publish", "ok"), ("fetch", "ok"), ("read", "ok"), ("fetch", "source_not_found"),
        ("check", "ok"),
    ]  # fmt: skip


NASTY_NAMES = [
    *("..", ".", "", "%2e%2e", "%2E.", "..%2f..", " ..", "...", "~", "C:", "\uff0e\uff0e"),
    *("\\", "a\\..\\b", "%5c", "\0", "\n", "\udc80", "é", "x" * 300, "a", "in", "secret"),
]
NASTY = st.one_of(
    st.text(max_size=20), st.lists(st.sampled_from(NASTY_NAMES), max_size=6).map("/".join)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(key=NASTY)
async def test_no_key_leaves_the_prefix(place: Place, storage: Storage, key: str) -> None:
    """What lies beside the prefix is neither read nor changed."""
    await put(storage, "secret", b"secret")
    await put(storage, "in/side/a", b"a")
    inside = await open_storage(place.url + "/in/side", place.options)
    try:
        for sneaky in (key, f"../../{key}", f"a/../../../{key}", f"/{key}/../../../secret"):
            published = await succeeds(put(inside, sneaky, b"written"))
            assert await succeeds(get(inside, sneaky)) == published
            if published:
                assert await get(inside, sneaky) == b"written"
    finally:
        await inside.close()

    assert await get(storage, "secret") == b"secret"
    names = await place.names()
    assert [name for name in names if not name.startswith("in/side/")] == ["secret"]


async def succeeds(work: Awaitable[object]) -> bool:
    try:
        await work
    except (StorageDenied, SourceNotFound):
        return False
    return True
