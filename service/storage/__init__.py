"""The customer's storage: a folder or S3, behind one Protocol."""

from service.storage.options import StorageLimits, StorageOptions
from service.storage.protocol import OnRequest, Storage
from service.storage.urls import open_storage

__all__ = ["OnRequest", "Storage", "StorageLimits", "StorageOptions", "open_storage"]
