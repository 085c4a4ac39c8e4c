"""What an operator says about a storage beside its URL."""

from typing import Annotated

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(gt=0)]


class StorageOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach one S3 bucket; a folder needs none of it.

    No endpoint means Amazon's own for the region; no keys mean those that
    botocore finds on the machine.
    """

    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = ""

    def __repr__(self) -> str:
        keys = "with keys" if self.access_key or self.secret_key else "without keys"
        return f"StorageOptions({self.endpoint!r}, {self.region!r}, {keys})"


class StorageLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a storage may take, and how much is asked of it at once.

    `connect_seconds` for a connection, `read_seconds` for silence on it,
    `total_seconds` for a whole fetch or publish with its retries.
    """

    connect_seconds: Seconds = 5.0
    read_seconds: Seconds = 30.0
    total_seconds: Seconds = 120.0
    connections: Annotated[int, Meta(ge=1)] = 64
