"""What only a folder can get wrong: links, odd files, leftovers."""

import io
import os
import socket
import stat
import time
from pathlib import Path

import pytest

from service.errors import SourceNotFound, StorageDenied, StorageUnavailable
from service.storage import Storage, open_storage
from tests.service.storage.objects import put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder, beside it a secret, and every link that could join the two."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a").write_bytes(b"inside")
    (root / "file").symlink_to(outside / "secret")
    (root / "out").symlink_to("../outside")
    (root / "up").symlink_to("..")
    (root / "sub" / "far").symlink_to(outside)
    (root / "loop").symlink_to("loop")
    (root / "nowhere").symlink_to("../outside/new")
    (root / "within").symlink_to("sub")
    (tmp_path / "root-twin").mkdir()
    (root / "twin").symlink_to("../root-twin")
    return root


@pytest.fixture
async def storage(root: Path) -> Storage:
    return await open_storage(f"file://{root}")


def everything(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


@pytest.mark.parametrize(
    "key", ["file", "out/secret", "up/outside/secret", "sub/far/secret", "within/far/secret"]
)
async def test_no_link_leads_a_reader_out(storage: Storage, key: str) -> None:
    with pytest.raises(StorageDenied, match="symbolic link"):
        await storage.fetch(key, limit=100)


@pytest.mark.parametrize(
    "key",
    ["out/b", "out/secret", "out/new/b", "up/b", "sub/far/b", "nowhere/b", "loop/b", "twin/b"],
)
async def test_no_link_leads_a_writer_out(storage: Storage, root: Path, key: str) -> None:
    with pytest.raises(StorageDenied):
        await put(storage, key)
    outside = sorted(str(path.relative_to(root.parent)) for path in root.parent.glob("*/*"))
    assert [name for name in outside if not name.startswith("root/")] == ["outside/secret"]
    assert (root.parent / "outside" / "secret").read_bytes() == b"secret"


async def test_a_link_that_stays_inside_is_followed(storage: Storage, root: Path) -> None:
    with await storage.fetch("within/a", limit=100) as file:
        assert file.read() == b"inside"
    await put(storage, "within/b")
    assert (root / "sub" / "b").read_bytes() == b"written"


async def test_publishing_over_a_link_replaces_the_link(storage: Storage, root: Path) -> None:
    await put(storage, "file")
    assert not (root / "file").is_symlink()
    assert (root / "file").read_bytes() == b"written"
    assert (root.parent / "outside" / "secret").read_bytes() == b"secret"


async def test_the_root_itself_may_be_a_link(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)
    storage = await open_storage(f"file://{root.parent}/alias")
    with await storage.fetch("sub/a", limit=100) as file:
        assert file.read() == b"inside"


async def test_what_is_no_file_is_named_as_what_it_is_and_stops_nobody(
    storage: Storage, root: Path
) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
        os.mknod(root / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
        for key, kind in {"pipe": "a pipe", "socket": "a socket", "device": "a device",
                          "sub": "a folder"}.items():  # fmt: skip
            with pytest.raises(SourceNotFound, match=f"{kind}, not a file"):
                await storage.fetch(key, limit=100)


async def test_a_source_is_opened_not_copied(storage: Storage, root: Path) -> None:
    with await storage.fetch("sub/a", limit=100) as file:
        assert os.fstat(file.fileno()).st_ino == (root / "sub" / "a").stat().st_ino


@pytest.mark.parametrize("key", ["sub", "sub/a/b", "x" * 256])
async def test_a_destination_that_cannot_be_a_file(storage: Storage, key: str) -> None:
    with pytest.raises(StorageDenied, match="cannot be written"):
        await put(storage, key)


async def test_what_a_killed_writer_left_is_hidden_and_removed_when_old(
    storage: Storage, root: Path
) -> None:
    old = root / "sub" / ".darkroom-0123456789abcdef.part"
    young = root / "sub" / ".darkroom-fedcba9876543210.part"
    similar = root / "sub" / ".darkroom-notes.part"
    for path in (old, young, similar):
        path.write_bytes(b"half")
    for path in (old, similar):
        two_hours_ago = time.time() - 7200
        os.utime(path, (two_hours_ago, two_hours_ago))

    for key in ("sub/" + old.name, "sub/" + young.name):
        with pytest.raises(StorageDenied, match="reserves for itself"):
            await storage.fetch(key, limit=100)
        with pytest.raises(StorageDenied, match="reserves for itself"):
            await put(storage, key)

    await put(storage, "sub/b")
    left = sorted(path.name for path in (root / "sub").iterdir())
    assert left == sorted([young.name, similar.name, "a", "b", "far"])


async def test_a_failed_publish_leaves_no_file(storage: Storage, root: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    before = everything(root)
    with pytest.raises(StorageUnavailable, match="Input/output error"):
        await storage.publish("sub/b", Broken(), content_type="image/jpeg")
    assert everything(root) == before


async def test_a_result_has_the_permissions_of_any_new_file(storage: Storage, root: Path) -> None:
    before = os.umask(0o027)
    try:
        await put(storage, "b")
    finally:
        os.umask(before)
    assert (root / "b").stat().st_mode & 0o777 == 0o640
