"""The options of a storage, besides its URL."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.schema import StoreOptions, decode_option

Seconds = Annotated[float, Meta(gt=0)]


class StorageOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach an S3 bucket, or the marker of a folder.

    Without an endpoint, that of Amazon for the region is used; without keys, the credentials
    that botocore finds on the machine. `store` is kept with every object whose job does not say
    otherwise. A folder keeps nothing with a file: what jobs want kept is refused, unless
    `ignore_store` says that they may want it.
    """

    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = ""
    marker: str = ""
    store: StoreOptions = StoreOptions()
    ignore_store: bool = False

    def __repr__(self) -> str:
        keys = "with keys" if self.access_key or self.secret_key else "without keys"
        return f"StorageOptions({self.endpoint!r}, {self.region!r}, {keys})"


def read_options(recorded: Mapping[str, object]) -> StorageOptions:
    """Read options as they are recorded; msgspec.ValidationError for what is none."""
    return msgspec.convert(recorded, StorageOptions, dec_hook=decode_option)


class StorageLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Time limits of a storage, and the size of its connection pool.

    `connect_seconds` for a connection, `read_seconds` for the next bytes on it,
    `total_seconds` for a whole fetch or publish with its retries.
    """

    connect_seconds: Seconds = 5.0
    read_seconds: Seconds = 30.0
    total_seconds: Seconds = 120.0
    connections: Annotated[int, Meta(ge=1)] = 64
