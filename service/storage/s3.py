"""Amazon S3 and whatever speaks its protocol."""

import asyncio
import fcntl
import functools
import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from urllib.parse import urlsplit

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession, get_session
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from service.errors import (
    SourceNotFound,
    StorageDenied,
    StorageError,
    StorageMisconfigured,
    StorageUnavailable,
)
from service.storage.options import StorageLimits, StorageOptions
from service.storage.protocol import (
    OnRequest,
    Part,
    check_size,
    confined,
    ignore,
    observed,
    shown,
)

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import GetObjectOutputTypeDef

CHUNK_BYTES = 256 * 1024
ATTEMPTS = 3

NO_SUCH_KEY_CAN_BE = {"KeyTooLongError", "InvalidURI"}
NO_CODE = re.compile(r"[^A-Za-z0-9]")
NO_BUCKET = {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect"}
NO_SUCH_RANGE = "InvalidRange"
PASSING = {"RequestTimeout", "SlowDown", "TooManyRequests", "OperationAborted"}
NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError)
WRONG_SETTINGS = (boto.SSLError, boto.ParamValidationError, boto.InvalidRegionError)
BROKEN = (boto.BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError)


class S3Storage:
    """Objects of one bucket below one prefix, over one client that stays open.

    The identity needs s3:GetObject, s3:PutObject and s3:ListBucket; without the
    last, S3 does not tell a missing source from a forbidden one.
    """

    def __init__(
        self,
        client: "S3Client",
        opened: AsyncExitStack,
        place: tuple[str, str],
        limits: StorageLimits,
        on_request: OnRequest,
    ) -> None:
        self._client = client
        self._opened = opened
        self._bucket, self._prefix = place
        self._limits = limits
        self._on_request = on_request

    @classmethod
    async def open(
        cls,
        bucket: str,
        prefix: str,
        options: StorageOptions,
        limits: StorageLimits,
        on_request: OnRequest = ignore,
    ) -> Self:
        """Make the client; nothing is sent yet.

        `prefix` ends with a slash or is empty. Without keys in the options,
        botocore looks for credentials where it always does: environment,
        profile, the machine's role.
        """
        opened = AsyncExitStack()
        client = await opened.enter_async_context(
            _session().create_client(
                "s3",
                endpoint_url=options.endpoint or None,
                region_name=options.region,
                aws_access_key_id=options.access_key or None,
                aws_secret_access_key=options.secret_key or None,
                config=_config(options, limits),
            )
        )
        client.meta.events.register("before-call.s3.HeadBucket", _refuse_to_look_elsewhere)
        return cls(client, opened, (bucket, prefix), limits, on_request)

    async def fetch(self, key: str, *, limit: int) -> BinaryIO:
        """Stream the object into memory that has a descriptor and can no longer change."""
        name = self._prefix + confined(key)
        with observed("fetch", self._on_request), _storage_errors(shown(key)):
            async with asyncio.timeout(self._limits.total_seconds):
                answer = await self._client.get_object(Bucket=self._bucket, Key=name)
                async with answer["Body"] as body:
                    check_size(key, answer.get("ContentLength", 0), limit)
                    return await _receive(body, key, limit)

    async def read(self, key: str, *, start: int, count: int, limit: int) -> Part:
        """Ask for a range of the object, which S3 answers with that and its whole length."""
        name, wanted = self._prefix + confined(key), f"bytes={start}-{start + count - 1}"
        with observed("read", self._on_request), _storage_errors(shown(key)):
            async with asyncio.timeout(self._limits.total_seconds):
                try:
                    answer = await self._client.get_object(
                        Bucket=self._bucket, Key=name, Range=wanted
                    )
                except boto.ClientError as error:
                    if error.response["Error"].get("Code") == NO_SUCH_RANGE:  # it is empty
                        return Part(b"", 0, "")
                    raise
                async with answer["Body"] as body:
                    size = _whole_size(answer, count)
                    check_size(key, size, limit)
                    return Part(await body.read(), size, answer.get("ETag", ""))

    async def publish(self, key: str, body: BinaryIO, *, content_type: str) -> None:
        """Send one PUT, which S3 makes visible when its last byte has come."""
        name = self._prefix + confined(key)
        with observed("publish", self._on_request), _storage_errors(shown(key)):
            body.seek(0)
            async with asyncio.timeout(self._limits.total_seconds):
                await self._client.put_object(
                    Bucket=self._bucket, Key=name, Body=body, ContentType=content_type
                )

    async def check(self) -> None:
        """List one object: the answer tells a missing bucket from refused keys."""
        with observed("check", self._on_request), _storage_errors("the bucket"):
            async with asyncio.timeout(self._limits.total_seconds):
                await self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1
                )

    async def close(self) -> None:
        """Close the client's connections."""
        await self._opened.aclose()


@functools.cache
def _session() -> AioSession:
    """One for all: it keeps the descriptions of S3 that it reads from disk."""
    return get_session()


class _FirstAddressOnly(AIOHTTPSession):  # type: ignore[misc]  # comes without types
    """Follows no redirect: a bucket must not be able to send us into our own network."""

    async def _get_session(self, proxy_url: str | None) -> "_WithoutRedirects":
        return _WithoutRedirects(await super()._get_session(proxy_url))


class _WithoutRedirects:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, *args: Any, **options: Any) -> aiohttp.ClientResponse:
        return await self._session.request(*args, allow_redirects=False, **options)


def _refuse_to_look_elsewhere(**_: object) -> None:
    """End what botocore does after a redirect without a region.

    It asks for the bucket's head, is redirected again, asks again, and so on.
    """
    raise StorageMisconfigured("the storage answered with a redirect and does not say where to")


def _config(options: StorageOptions, limits: StorageLimits) -> AioConfig:
    loopback = bool(options.endpoint) and _is_loopback(options.endpoint)
    in_the_clear = options.endpoint.startswith("http://") and not loopback
    return AioConfig(
        http_session_cls=_FirstAddressOnly,
        signature_version="s3v4",
        s3={
            "addressing_style": "path" if options.endpoint else "auto",
            "payload_signing_enabled": in_the_clear,
        },
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=limits.connect_seconds,
        read_timeout=limits.read_seconds,
        max_pool_connections=limits.connections,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        proxies={} if loopback else None,
    )


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _whole_size(answer: "GetObjectOutputTypeDef", count: int) -> int:
    """Tell how long the object is of which at most so many bytes come."""
    size = answer.get("ContentRange", "").rpartition("/")[2]
    if not size.isdecimal() or not 0 < answer.get("ContentLength", 0) <= count:
        raise StorageMisconfigured("the storage does not answer requests for a range of bytes")
    return int(size)


async def _receive(body: Any, key: str, limit: int) -> BinaryIO:
    """Read to the end; aiohttp raises when the body is shorter than was announced."""
    file = os.fdopen(os.memfd_create("darkroom-source", os.MFD_ALLOW_SEALING), "w+b")
    try:
        async for chunk in body.iter_chunks(CHUNK_BYTES):
            file.write(chunk)
            check_size(key, file.tell(), limit)
        file.seek(0)
        _seal(file)
    except BaseException:
        file.close()
        raise
    return file


def _seal(file: BinaryIO) -> None:
    """Whoever gets the descriptor can read it, and can rely on it when it is mapped."""
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)


@contextmanager
def _storage_errors(what: str) -> Iterator[None]:
    """Turn what botocore and aiohttp raise into the errors of the house.

    Nothing of their own words is told on: they may hold addresses and headers.
    """
    try:
        yield
    except boto.ClientError as error:
        raise _answered(error, what) from None
    except NO_CREDENTIALS:
        raise StorageDenied("the storage has no credentials") from None
    except WRONG_SETTINGS as error:
        raise StorageMisconfigured(
            f"the storage cannot be used as it is set up ({type(error).__name__})"
        ) from None
    except BROKEN as error:
        raise StorageUnavailable(
            f"the storage could not be reached, or broke off, for {what} ({type(error).__name__})"
        ) from None


def _answered(error: boto.ClientError, what: str) -> StorageError:
    code = NO_CODE.sub("", str(error.response["Error"].get("Code", "")))[:64]
    status = int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
    answer = f"{status} {code}" if code != str(status) else code
    words = f"the storage answered {answer} for {what}"
    if code in NO_BUCKET or 300 <= status < 400:
        return StorageMisconfigured(words)
    if status == 404:
        return SourceNotFound(f"nothing is stored under {what}")
    if status in {401, 403} or code in NO_SUCH_KEY_CAN_BE:
        return StorageDenied(words)
    if code in PASSING or status == 429 or status >= 500:
        return StorageUnavailable(words)
    return StorageMisconfigured(words)
