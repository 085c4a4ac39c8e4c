"""The customer's storage: a folder or S3, behind one Protocol."""

from service.storage.options import StorageLimits, StorageOptions
from service.storage.protocol import OnRequest, Part, Storage
from service.storage.urls import open_storage

__all__ = ["OnRequest", "Part", "Storage", "StorageLimits", "StorageOptions", "open_storage"]
