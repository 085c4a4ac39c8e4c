"""Services: their tokens, storages, quotas and webhook secrets."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from service.store.database import Pool, sql

ACTIVE_TOKENS = 2


class Service(Struct, frozen=True, kw_only=True):
    """A tenant, with what the worker needs to serve it."""

    id: int
    name: str
    storage_url: str
    storage_options: dict[str, object]
    webhook_secrets: list[str]
    jobs_a_minute: int | None
    disabled: bool
    source_hosts: list[str]
    weight: float
    """Its share of the workers, beside those of others."""


class Holder(Struct, frozen=True, kw_only=True):
    """Whom a token belongs to.

    `ignores_store` says that jobs may ask for what the storage does not keep.
    """

    service_id: int
    disabled: bool
    jobs_a_minute: int | None
    weight: float = 1
    source_hosts: Sequence[str] = ()
    storage_url: str = ""
    ignores_store: bool = False


class ServiceSummary(Struct, frozen=True, kw_only=True):
    """A service in the list for operators."""

    id: int
    name: str
    storage_url: str
    jobs_a_minute: int | None
    weight: float
    disabled: bool
    tokens: int
    source_hosts: list[str]


class Services:
    """The services table and its tokens."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(
        self,
        *,
        name: str,
        storage_url: str,
        storage_options: Mapping[str, object],
        webhook_secret: str,
        token_hash: bytes,
        jobs_a_minute: int | None = None,
        weight: float = 1,
    ) -> int:
        """Record a service with its first token; returns its id.

        Raises asyncpg.UniqueViolationError when the name is taken.
        """
        options = msgspec.json.encode(storage_options).decode()
        async with self._pool.acquire() as connection, connection.transaction():
            service_id: int = await connection.fetchval(
                sql("add_service"),
                name,
                storage_url,
                options,
                webhook_secret,
                jobs_a_minute,
                weight,
            )
            await connection.fetchval(sql("add_token"), service_id, token_hash)
        return service_id

    async def get(self, service_id: int) -> Service | None:
        """Return a service, or None."""
        row = await self._pool.fetchrow(sql("get_service"), service_id)
        if row is None:
            return None
        options = msgspec.json.decode(row["storage_options"], type=dict[str, object])
        return Service(**{**row, "storage_options": options})

    async def find(self, name: str) -> int | None:
        """Return the id of the service of that name, or None."""
        found: int | None = await self._pool.fetchval(sql("find_service"), name)
        return found

    async def list(self) -> list[ServiceSummary]:
        """Give every service."""
        return [ServiceSummary(**row) for row in await self._pool.fetch(sql("list_services"))]

    async def holder(self, token_hash: bytes) -> Holder | None:
        """Tell whom the token with this SHA-256 belongs to, or None."""
        row = await self._pool.fetchrow(sql("service_of_token"), token_hash)
        if row is None:
            return None
        return Holder(
            service_id=row["id"],
            disabled=row["disabled"],
            jobs_a_minute=row["jobs_a_minute"],
            weight=row["weight"],
            source_hosts=row["source_hosts"],
            storage_url=row["storage_url"],
            ignores_store=row["ignores_store"],
        )

    async def add_token(self, service_id: int, token_hash: bytes) -> bool:
        """Add a token; of more than two, the oldest goes. False: no such service."""
        async with self._pool.acquire() as connection, connection.transaction():
            added = await connection.fetchval(sql("add_token"), service_id, token_hash)
            await connection.execute(sql("drop_old_tokens"), service_id, ACTIVE_TOKENS)
        return added is not None

    async def rotate_webhook_secret(self, service_id: int, secret: str) -> bool:
        """Sign with a new secret from now on, and with the last one too."""
        return bool(await self._pool.fetchval(sql("rotate_webhook_secret"), service_id, secret))

    async def set_storage(self, service_id: int, url: str, options: Mapping[str, object]) -> bool:
        """Point a service at another storage. False: no such service."""
        raw_json = msgspec.json.encode(options).decode()
        return bool(await self._pool.fetchval(sql("set_storage"), service_id, url, raw_json))

    async def set_source_hosts(self, service_id: int, hosts: Sequence[str]) -> bool:
        """Let sources be fetched from these hosts and no others. False: no such service."""
        return bool(await self._pool.fetchval(sql("set_source_hosts"), service_id, hosts))

    async def source_hosts(self, service_id: int) -> Sequence[str]:
        """Return the hosts that sources may be fetched from."""
        return await self._pool.fetchval(sql("get_source_hosts"), service_id) or ()

    async def set_disabled(self, service_id: int, disabled: bool) -> bool:
        """Shut a service out, or let it in again. False: no such service."""
        return bool(await self._pool.fetchval(sql("set_disabled"), service_id, disabled))

    async def set_weight(self, service_id: int, weight: float) -> bool:
        """Set a service's share of the work, 0.01 to 100. False: no such service."""
        return bool(await self._pool.fetchval(sql("set_weight"), service_id, weight))
