"""Presets: named parts of jobs, of one service each."""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from service.store.database import Pool, sql


class PresetEntry(Struct, frozen=True, kw_only=True):
    """A line of the list of a service's presets."""

    name: str
    created_at: datetime
    updated_at: datetime


class PresetRow(PresetEntry, frozen=True, kw_only=True):
    """A preset as it is recorded; its definition is JSON."""

    definition: str


class Presets:
    """The presets table."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put(self, service_id: int, name: str, definition: str, most: int) -> PresetRow | None:
        """Save a preset or replace it. None: the service has `most` others already."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(sql("lock_service"), service_id)
            row = await connection.fetchrow(sql("put_preset"), service_id, name, definition, most)
        return None if row is None else PresetRow(**row)

    async def get(self, service_id: int, name: str) -> PresetRow | None:
        """Return a preset, or None."""
        row = await self._pool.fetchrow(sql("get_preset"), service_id, name)
        return None if row is None else PresetRow(**row)

    async def list(self, service_id: int) -> list[PresetEntry]:
        """Return the presets of a service, by name."""
        rows = await self._pool.fetch(sql("list_presets"), service_id)
        return [PresetEntry(**row) for row in rows]

    async def find(self, service_id: int, names: Collection[str]) -> dict[str, str]:
        """Return the definitions of those of these presets that there are."""
        rows = await self._pool.fetch(sql("find_presets"), service_id, list(names))
        return {row["name"]: row["definition"] for row in rows}

    async def delete(self, service_id: int, name: str) -> bool:
        """Delete a preset. False: there was none. Processes keep what it stood for."""
        return await self._pool.fetchval(sql("delete_preset"), service_id, name) is not None
