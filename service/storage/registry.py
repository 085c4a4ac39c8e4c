"""The open storages of services, cached."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Protocol

import msgspec

from service.errors import StorageMisconfigured
from service.settings import Settings
from service.storage.options import StorageLimits, StorageOptions, read_options
from service.storage.protocol import OnRequest, Storage
from service.storage.urls import open_storage

CACHE_SECONDS = 5.0
MAX_OPEN = 128


def storage_limits(settings: Settings) -> StorageLimits:
    """Return the settings that limit a storage."""
    return StorageLimits(
        connect_seconds=settings.storage_connect_seconds,
        read_seconds=settings.storage_read_seconds,
        total_seconds=settings.storage_total_seconds,
        connections=settings.storage_connections,
    )


class StorageOwner(Protocol):
    """The part of a service that concerns its storage."""

    @property
    def storage_url(self) -> str:
        """The URL of its storage."""

    @property
    def storage_options(self) -> Mapping[str, object]:
        """The options of its storage, as recorded."""


FindOwner = Callable[[int], Awaitable[StorageOwner | None]]


class _Open:
    """An open storage and its number of users."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.users = 0


class Storages:
    """Opens the storages of services, follows changes of them, closes unused ones."""

    def __init__(
        self,
        find_owner: FindOwner,
        limits: StorageLimits,
        on_request: OnRequest,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._find_owner = find_owner
        self._limits = limits
        self._on_request = on_request
        self._clock = clock
        self._opening = asyncio.Lock()
        self._services: dict[int, tuple[float, StorageOwner]] = {}
        self._open: dict[tuple[str, StorageOptions], _Open] = {}

    @asynccontextmanager
    async def of(self, service_id: int) -> AsyncIterator[Storage]:
        """Give the storage of a service while the body runs; raises StorageMisconfigured."""
        async with self._opening:
            opened = await self._opened(await self._service(service_id))
            opened.users += 1
        try:
            yield opened.storage
        finally:
            opened.users -= 1

    async def close(self) -> None:
        """Close them all."""
        for opened in self._open.values():
            await opened.storage.close()
        self._open.clear()

    async def _service(self, service_id: int) -> StorageOwner:
        until, service = self._services.get(service_id, (0.0, None))
        if service is None or self._clock() >= until:
            service = await self._find_owner(service_id)
            if service is None:
                raise StorageMisconfigured("the service no longer exists")
            self._services[service_id] = (self._clock() + CACHE_SECONDS, service)
        return service

    async def _opened(self, service: StorageOwner) -> _Open:
        try:
            options = read_options(service.storage_options)
        except msgspec.ValidationError:
            raise StorageMisconfigured("the options of the storage are invalid") from None
        key = (service.storage_url, options)
        if key not in self._open:
            await self._make_room()
            storage = await open_storage(*key, limits=self._limits, on_request=self._on_request)
            self._open[key] = _Open(storage)
        return self._open[key]

    async def _make_room(self) -> None:
        idle = [key for key, opened in self._open.items() if opened.users == 0]
        for key in idle[: max(0, len(self._open) - MAX_OPEN + 1)]:
            await self._open.pop(key).storage.close()
