"""The customer's storage: a folder or S3, behind one Protocol.

Knows nothing about HTTP, SQL or arq.
"""

from service.storage.options import StorageOptions, read_options
from service.storage.protocol import (
    OnRequest,
    Part,
    Reader,
    Storage,
    Upload,
    check_size,
    observed,
    shown,
)
from service.storage.receiving import receive
from service.storage.registry import Storages, storage_limits
from service.storage.urls import keeps_store_options, open_storage

__all__ = [
    "OnRequest",
    "Part",
    "Reader",
    "Storage",
    "StorageOptions",
    "Storages",
    "Upload",
    "check_size",
    "keeps_store_options",
    "observed",
    "open_storage",
    "read_options",
    "receive",
    "shown",
    "storage_limits",
]
