"""The customer's storage: a folder or S3, behind one Protocol.

Knows nothing of HTTP, SQL or arq.
"""

from service.storage.options import StorageOptions
from service.storage.protocol import Part, Storage, Upload, shown
from service.storage.registry import Storages, storage_limits
from service.storage.urls import open_storage

__all__ = [
    "Part",
    "Storage",
    "StorageOptions",
    "Storages",
    "Upload",
    "open_storage",
    "shown",
    "storage_limits",
]
