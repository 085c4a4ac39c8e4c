"""What only S3 can get wrong: the network, the answers, the credentials."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from engine.errors import SourceTooLarge
from service.embedded import SeaweedFS
from service.errors import DarkroomError, StorageMisconfigured, StorageUnavailable
from service.storage import Storage, StorageOptions, open_storage
from service.storage.options import StorageLimits
from tests.s3 import options_of

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

KEYS: dict[str, Any] = {"access_key": "AKIACANARY", "secret_key": "wJalrCanarySecret"}
SHORT = StorageLimits(connect_seconds=0.3, read_seconds=0.3, total_seconds=0.7)


@asynccontextmanager
async def storage_at(endpoint: str, limits: StorageLimits | None = None) -> AsyncIterator[Storage]:
    storage = await open_storage(
        "s3://bucket/prefix", StorageOptions(endpoint=endpoint, **KEYS), limits=limits
    )
    try:
        yield storage
    finally:
        await storage.close()


@asynccontextmanager
async def storage_behind(
    answer: Connection, limits: StorageLimits | None = None
) -> AsyncIterator[Storage]:
    """A storage whose server does to each connection what `answer` does."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await answer(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with storage_at(f"http://127.0.0.1:{port}", limits) as storage:
            yield storage
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answering(head: bytes, body: bytes = b"") -> Connection:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


@pytest.fixture(autouse=True)
def one_attempt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting between attempts would only make most of these tests slow."""
    if "retried" not in request.node.name:
        monkeypatch.setattr("service.storage.s3.ATTEMPTS", 1)


@pytest.fixture
async def storage(seaweedfs: SeaweedFS) -> AsyncIterator[Storage]:
    storage = await open_storage(f"s3://{seaweedfs.bucket}/types", options_of(seaweedfs))
    yield storage
    await storage.close()


async def test_the_content_type_is_stored(
    storage: Storage, seaweedfs: SeaweedFS, s3_client: "S3Client"
) -> None:
    await storage.publish("a.webp", io.BytesIO(b"RIFF"), content_type="image/webp")
    head = await s3_client.head_object(Bucket=seaweedfs.bucket, Key="types/a.webp")
    assert head["ContentType"] == "image/webp"
    assert head["ContentLength"] == 4


async def test_more_requests_at_once_than_botocores_ten_connections(storage: Storage) -> None:
    await storage.publish("a", io.BytesIO(b"x" * 1000), content_type="image/jpeg")
    files = await asyncio.gather(*(storage.fetch("a", limit=1000) for _ in range(40)))
    for file in files:
        assert file.read() == b"x" * 1000
        file.close()


async def fetch(storage: Storage) -> None:
    (await storage.fetch("a", limit=1000)).close()


async def read(storage: Storage) -> None:
    part = await storage.read("a", start=0, count=100, limit=1000)
    assert (part.data, part.size) == (b"x" * 100, 1000)


async def check(storage: Storage) -> None:
    await storage.check()


async def publish(storage: Storage, size: int = 100) -> None:
    await storage.publish("a", io.BytesIO(bytes(size)), content_type="image/jpeg")


@pytest.mark.parametrize("work", [fetch, read, publish, check])
async def test_nobody_listens(work: Callable[[Storage], Awaitable[None]]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with storage_at(f"http://127.0.0.1:{unused.getsockname()[1]}") as storage:
            with pytest.raises(StorageUnavailable) as error:
                await work(storage)
    assert error.value.retryable
    assert "Canary" not in error.value.message


@pytest.mark.parametrize("work", [fetch, read, publish, check])
async def test_a_server_that_says_nothing(work: Callable[[Storage], Awaitable[None]]) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with storage_behind(silent, SHORT) as storage:
        with pytest.raises(StorageUnavailable):
            await work(storage)


async def test_a_server_that_stops_reading_an_upload() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(60)

    async with storage_behind(deaf, SHORT) as storage:
        with pytest.raises(StorageUnavailable):
            await publish(storage, 30_000_000)


async def test_a_source_that_drips() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)

    async with storage_behind(drip, SHORT) as storage:
        with pytest.raises(StorageUnavailable):
            await fetch(storage)


async def test_a_source_that_breaks_off() -> None:
    head = b"HTTP/1.1 200 OK\nContent-Length: 1000"
    async with storage_behind(answering(head, b"x" * 999)) as storage:
        with pytest.raises(StorageUnavailable):
            await fetch(storage)


async def test_a_source_without_a_length_is_counted() -> None:
    head = b"HTTP/1.1 200 OK\nConnection: close"
    async with storage_behind(answering(head, b"x" * 1000)) as storage:
        await fetch(storage)
    async with storage_behind(answering(head, b"x" * 1001)) as storage:
        with pytest.raises(SourceTooLarge):
            await fetch(storage)


@pytest.mark.parametrize(
    ("head", "length"),
    [
        ("200 OK\nContent-Length: 1000", 1000),
        ("200 OK\nContent-Length: 100", 100),
        ("206 Partial Content\nContent-Length: 101\nContent-Range: bytes 0-100/1000", 101),
        ("206 Partial Content\nConnection: close\nContent-Range: bytes 0-99/1000", 100),
        ("206 Partial Content\nContent-Length: 100\nContent-Range: bytes 0-99/*", 100),
    ],
)
async def test_a_server_that_does_not_know_ranges(head: str, length: int) -> None:
    async with storage_behind(answering(f"HTTP/1.1 {head}".encode(), b"x" * length)) as storage:
        with pytest.raises(StorageMisconfigured, match="range requests"):
            await read(storage)


async def test_a_range_needs_no_tag() -> None:
    head = b"HTTP/1.1 206 Partial Content\nContent-Length: 100\nContent-Range: bytes 0-99/1000"
    async with storage_behind(answering(head, b"x" * 100)) as storage:
        await read(storage)
    async with storage_behind(answering(head, b"x" * 99)) as storage:
        with pytest.raises(StorageUnavailable):
            await read(storage)


async def test_a_source_that_announces_too_much_is_not_awaited() -> None:
    async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        await asyncio.sleep(60)

    async with storage_behind(announce) as storage, asyncio.timeout(20):
        with pytest.raises(SourceTooLarge) as error:
            await fetch(storage)
        assert error.value.found == 1001


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 503 Slow Down", StorageUnavailable),
        (b"HTTP/1.1 500 Internal Server Error", StorageUnavailable),
        (b"HTTP/1.1 429 Too Many Requests", StorageUnavailable),
        (b"HTTP/1.1 400 Bad Request", StorageMisconfigured),
        (b"not HTTP at all", StorageUnavailable),
    ],
)
async def test_answers_that_are_no_object(head: bytes, expected: type[DarkroomError]) -> None:
    head += b"\nContent-Length: 0\nConnection: close"
    for work in (fetch, read, publish, check):
        async with storage_behind(answering(head)) as storage:
            with pytest.raises(expected):
                await work(storage)


async def test_a_request_that_fails_once_is_retried() -> None:
    answers = [
        answering(b"HTTP/1.1 503 Slow Down\nContent-Length: 0\nConnection: close"),
        answering(b"HTTP/1.1 200 OK\nContent-Length: 1\nConnection: close", b"x"),
    ]

    async def next_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers.pop(0)(reader, writer)

    async with storage_behind(next_answer) as storage:
        await fetch(storage)
    assert not answers


@pytest.mark.parametrize("region", ["", "\nx-amz-bucket-region: eu-west-1"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int, region: str) -> None:
    reached = []

    async def canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(writer.get_extra_info("sockname"))
        writer.close()

    server = await asyncio.start_server(canary, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    head = f"HTTP/1.1 {status} Moved\nLocation: http://127.0.0.1:{port}/\nContent-Length: 0{region}"
    for work in (fetch, read, publish, check):
        async with storage_behind(answering(head.encode())) as storage:
            with pytest.raises(StorageMisconfigured, match=rf"redirect|{status}"):
                await work(storage)
    server.close()
    await server.wait_closed()
    assert reached == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/folder",
        "/srv/photos",
        "file://host/srv/photos",
        "file:srv/photos",
        "file:///srv/%00",
        "s3:///prefix",
        "s3://Bucket/prefix",
        "s3://bucket/a/../b",
        "s3://bucket/a//b",
        "s3://AKIACANARY:wJalrCanarySecret@bucket/prefix",
        "s3://bucket/prefix?secret_key=wJalrCanarySecret",
        "s3://[bucket/prefix",
        "",
    ],
)
async def test_a_url_that_is_no_storage(url: str) -> None:
    with pytest.raises(StorageMisconfigured) as error:
        await open_storage(url)
    assert "canary" not in error.value.message.lower()


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:9000", "http://", "http://host/path", "http://AKIACANARY:x@host", "http://h:port"],
)
async def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(StorageMisconfigured) as error:
        await open_storage("s3://bucket", StorageOptions(endpoint=endpoint))
    assert "canary" not in error.value.message.lower()


def test_options_are_read_strictly_and_shown_without_their_keys() -> None:
    options = msgspec.convert({"endpoint": "https://s3.example.com", **KEYS}, StorageOptions)
    assert options.secret_key == KEYS["secret_key"]
    assert "canary" not in f"{options!r} {options}".lower()
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"endpont": ""}, StorageOptions)


async def test_the_body_is_signed_unless_nobody_can_change_it_on_the_way() -> None:
    from service.storage import s3  # noqa: PLC0415 - as tests.s3

    def signs(endpoint: str) -> bool:
        config = s3._config(StorageOptions(endpoint=endpoint), StorageLimits())
        return bool(config.s3["payload_signing_enabled"])

    assert signs("http://storage.lan:9000")
    assert not signs("https://storage.lan:9000")
    assert not signs("http://127.0.0.1:9000")
    assert not signs("http://localhost:9000")
    assert not signs("")
