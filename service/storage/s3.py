"""Amazon S3 and servers that speak its protocol."""

import asyncio
import functools
import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from urllib.parse import urlsplit

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession, get_session
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from engine.errors import DarkroomError
from engine.schema import StoreOptions
from service.errors import (
    SourceNotFound,
    StorageDenied,
    StorageError,
    StorageMisconfigured,
    StorageUnavailable,
)
from service.storage.options import StorageLimits, StorageOptions
from service.storage.protocol import (
    NOTHING,
    OnRequest,
    Part,
    Upload,
    allow,
    check_size,
    confined,
    ignore,
    observed,
    shown,
)
from service.storage.receiving import receive

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import GetObjectOutputTypeDef

METADATA = "Metadata"
PARAMETERS = {
    "metadata": METADATA,
    "cache_control": "CacheControl",
    "content_disposition": "ContentDisposition",
    "acl": "ACL",
    "storage_class": "StorageClass",
}
CHUNK_BYTES = 256 * 1024
ATTEMPTS = 3

NO_CODE = re.compile(r"[^A-Za-z0-9]")
INVALID_KEY_CODES = {"KeyTooLongError", "InvalidURI"}
NO_BUCKET_CODES = {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect"}
INVALID_RANGE_CODE = "InvalidRange"
TRANSIENT_CODES = {"RequestTimeout", "SlowDown", "TooManyRequests", "OperationAborted"}
NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError)
INVALID_SETTINGS = (boto.SSLError, boto.ParamValidationError, boto.InvalidRegionError)
CONNECTION_ERRORS = (boto.BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError)


class S3Storage:
    """The objects of a bucket under a prefix, over one client that stays open.

    The identity needs s3:GetObject, s3:PutObject and s3:ListBucket; without the last, S3
    answers 403 for missing objects.
    """

    def __init__(
        self,
        client: "S3Client",
        opened: AsyncExitStack,
        location: tuple[str, str],
        limits: StorageLimits,
        on_request: OnRequest,
        *,
        defaults: StoreOptions = NOTHING,
    ) -> None:
        self._client = client
        self._defaults = defaults
        self._opened = opened
        self._bucket, self._prefix = location
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
        """Create the client without sending anything.

        `prefix` ends with a slash or is empty. Without keys in the options, botocore looks for
        credentials in its usual places: environment, profile, role of the machine.
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
        client.meta.events.register("before-call.s3.HeadBucket", _reject_redirect)
        return cls(client, opened, (bucket, prefix), limits, on_request, defaults=options.store)

    async def fetch(self, key: str, *, limit: int) -> BinaryIO:
        """Stream the object into a sealed memfd."""
        name = self._prefix + confined(key)
        with observed("fetch", self._on_request), _storage_errors(shown(key)):
            async with asyncio.timeout(self._limits.total_seconds):
                answer = await self._client.get_object(Bucket=self._bucket, Key=name)
                async with answer["Body"] as body:
                    check_size(key, answer.get("ContentLength", 0), limit)
                    return await receive(body.iter_chunks(CHUNK_BYTES), key, limit)

    async def read(self, key: str, *, start: int, count: int, limit: int) -> Part:
        """Request a range of the object; the answer has the size of the whole object too."""
        name, wanted = self._prefix + confined(key), f"bytes={start}-{start + count - 1}"
        with observed("read", self._on_request), _storage_errors(shown(key)):
            async with asyncio.timeout(self._limits.total_seconds):
                try:
                    answer = await self._client.get_object(
                        Bucket=self._bucket, Key=name, Range=wanted
                    )
                except boto.ClientError as error:
                    if error.response["Error"].get("Code") == INVALID_RANGE_CODE:
                        return Part(b"", 0, "")  # the object is empty
                    raise
                async with answer["Body"] as body:
                    size = _whole_size(answer, count)
                    check_size(key, size, limit)
                    return Part(await body.read(), size, answer.get("ETag", ""))

    async def publish(
        self, key: str, body: BinaryIO, *, content_type: str, store: StoreOptions = NOTHING
    ) -> None:
        """Send one PUT, which S3 makes visible when it is complete."""
        name, kept = self._prefix + confined(key), _kept(store.over(self._defaults))
        with observed("publish", self._on_request), _storage_errors(shown(key)):
            body.seek(0)
            async with asyncio.timeout(self._limits.total_seconds):
                await self._client.put_object(
                    Bucket=self._bucket, Key=name, Body=body, ContentType=content_type, **kept
                )

    async def publish_all(
        self, uploads: Sequence[Upload], *, check: Callable[[], None] = allow
    ) -> list[DarkroomError | None]:
        """Send all PUTs at once."""
        check()

        async def put(upload: Upload) -> DarkroomError | None:
            try:
                await self.publish(
                    upload.key, upload.body, content_type=upload.content_type, store=upload.store
                )
            except DarkroomError as error:
                return error
            return None

        return await asyncio.gather(*map(put, uploads))

    async def check(self) -> None:
        """List one object, which distinguishes a missing bucket from rejected credentials."""
        with observed("check", self._on_request), _storage_errors("the bucket"):
            async with asyncio.timeout(self._limits.total_seconds):
                await self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1
                )

    async def mark(self) -> str:
        """Do nothing: an unavailable bucket is an error of its own."""
        return ""

    async def close(self) -> None:
        """Close the client's connections."""
        await self._opened.aclose()


def _kept(store: StoreOptions) -> dict[str, Any]:
    """Return the parameters of a PUT for what is to be kept with the object."""
    given = {PARAMETERS[name]: value for name, value in store.given.items()}
    return {name: dict(v) if name == METADATA else str(v) for name, v in given.items()}


@functools.cache
def _session() -> AioSession:
    """One session for all clients: it caches the service description that it loads."""
    return get_session()


class _NoRedirectHTTPSession(AIOHTTPSession):  # type: ignore[misc]  # comes without types
    """Follows no redirect: a bucket must not be able to redirect us into an internal network."""

    async def _get_session(self, proxy_url: str | None) -> "_NoRedirectSession":
        return _NoRedirectSession(await super()._get_session(proxy_url))


class _NoRedirectSession:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, *args: Any, **options: Any) -> aiohttp.ClientResponse:
        return await self._session.request(*args, allow_redirects=False, **options)


def _reject_redirect(**_: object) -> None:
    """Stop botocore after a redirect without a region.

    It would send HEAD for the bucket, be redirected, send it again, and so on.
    """
    raise StorageMisconfigured("the storage answered with a redirect without a region")


def _config(options: StorageOptions, limits: StorageLimits) -> AioConfig:
    loopback = bool(options.endpoint) and _is_loopback(options.endpoint)
    unencrypted = options.endpoint.startswith("http://") and not loopback
    return AioConfig(
        http_session_cls=_NoRedirectHTTPSession,
        signature_version="s3v4",
        s3={
            "addressing_style": "path" if options.endpoint else "auto",
            "payload_signing_enabled": unencrypted,
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
    """Return the size of an object of which at most `count` bytes are in the answer."""
    size = answer.get("ContentRange", "").rpartition("/")[2]
    if not size.isdecimal() or not 0 < answer.get("ContentLength", 0) <= count:
        raise StorageMisconfigured("the storage does not support range requests")
    return int(size)


@contextmanager
def _storage_errors(what: str) -> Iterator[None]:
    """Turn errors of botocore and aiohttp into those of this service.

    Their messages are not passed on, since they may contain addresses and headers.
    """
    try:
        yield
    except boto.ClientError as error:
        raise _answered(error, what) from None
    except NO_CREDENTIALS:
        raise StorageDenied("there are no credentials for the storage") from None
    except INVALID_SETTINGS as error:
        raise StorageMisconfigured(
            f"the configuration of the storage is invalid ({type(error).__name__})"
        ) from None
    except CONNECTION_ERRORS as error:
        raise StorageUnavailable(
            f"the connection to the storage failed for {what} ({type(error).__name__})"
        ) from None


def _answered(error: boto.ClientError, what: str) -> StorageError:
    code = NO_CODE.sub("", str(error.response["Error"].get("Code", "")))[:64]
    status = int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
    answer = f"{status} {code}" if code != str(status) else code
    message = f"the storage answered {answer} for {what}"
    if code in NO_BUCKET_CODES or 300 <= status < 400:
        return StorageMisconfigured(message)
    if status == 404:
        return SourceNotFound(f"there is no object {what}")
    if status in {401, 403} or code in INVALID_KEY_CODES:
        return StorageDenied(message)
    if code in TRANSIENT_CODES or status == 429 or status >= 500:
        return StorageUnavailable(message)
    return StorageMisconfigured(message)
