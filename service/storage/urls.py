"""Opens storages by their URLs."""

import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from service.errors import StorageDenied, StorageMisconfigured
from service.storage.folder import FolderStorage
from service.storage.options import StorageLimits, StorageOptions
from service.storage.protocol import OnRequest, Storage, confined, ignore

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


async def open_storage(
    url: str,
    options: StorageOptions | None = None,
    *,
    limits: StorageLimits | None = None,
    on_request: OnRequest = ignore,
) -> Storage:
    """Open ``file:///path/to/root`` or ``s3://bucket/prefix`` without contacting it.

    `StorageMisconfigured` says what is wrong with the URL or the options, and repeats
    neither, since both may contain keys.
    """
    options = options or StorageOptions()
    parts = _split(url)
    if parts.scheme == "file":
        if options.store:
            raise StorageMisconfigured("a folder keeps nothing with a file, so it has no defaults")
        return FolderStorage(_root(parts), on_request, options.marker)
    if parts.scheme == "s3":
        from service.storage.s3 import S3Storage  # noqa: PLC0415 - botocore takes half a second

        _check_endpoint(options.endpoint)
        return await S3Storage.open(
            _bucket(parts), _prefix(parts), options, limits or StorageLimits(), on_request
        )
    raise StorageMisconfigured(
        "a storage is file:///path/to/folder or s3://bucket/prefix; this URL is neither"
    )


def keeps_store_options(url: str) -> bool:
    """Tell whether a storage keeps anything with its objects, as S3 does and a folder does not."""
    return urlsplit(url).scheme == "s3"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if it is not a number
    except ValueError:
        raise StorageMisconfigured("the URL of the storage is invalid") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise StorageMisconfigured("the URL of a storage has no user, password, query or fragment")
    return parts


def _root(parts: SplitResult) -> Path:
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"} or not path.startswith("/") or "\0" in path:
        raise StorageMisconfigured("the URL of a folder is file:/// and an absolute path")
    return Path(path)


def _bucket(parts: SplitResult) -> str:
    if not BUCKET.fullmatch(parts.netloc):
        raise StorageMisconfigured(
            "the name of a bucket has 3 to 63 lower-case letters, digits, dots and hyphens"
        )
    return parts.netloc


def _prefix(parts: SplitResult) -> str:
    prefix = parts.path.strip("/")
    try:
        return confined(prefix) + "/" if prefix else ""
    except StorageDenied:
        raise StorageMisconfigured(
            "the prefix in the URL of the storage is not a plain path"
        ) from None


def _check_endpoint(endpoint: str) -> None:
    if not endpoint:
        return
    parts = _split(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise StorageMisconfigured(
            "an endpoint is http:// or https:// and a host, such as https://s3.example.com"
        )
