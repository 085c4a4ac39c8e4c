"""A plain S3 client for tests, to look at what the service stored."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from service.embedded import SeaweedFS
from service.storage import StorageOptions

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


def client_of(server: SeaweedFS) -> "AbstractAsyncContextManager[S3Client]":
    # A fifth of all imports of the tests, of which most processes of a run need none.
    from aiobotocore.config import AioConfig  # noqa: PLC0415
    from aiobotocore.session import get_session  # noqa: PLC0415

    client: AbstractAsyncContextManager[S3Client] = get_session().create_client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=AioConfig(s3={"addressing_style": "path"}, proxies={}),
    )
    return client


def options_of(server: SeaweedFS) -> StorageOptions:
    return StorageOptions(
        endpoint=server.endpoint, access_key=server.access_key, secret_key=server.secret_key
    )
