"""Counts the rendering children that each source has killed, and finds sources in quarantine."""

from datetime import datetime, timedelta

from msgspec import Struct

from service.store.database import Pool, sql


class QuarantinedSource(Struct, frozen=True, kw_only=True):
    """A source of a service that is not tried, and until when."""

    service_id: int
    sha256: str
    size: int
    crashes: int
    until: datetime


class Quarantine:
    """The source_crashes table; crashes count for a window of time, from the last one on.

    A source is in quarantine after `least` of them.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(
        self, service_id: int, sha256: str, size: int, *, crashes: int, window: timedelta
    ) -> int:
        """Add crashes of a source; returns how many there are now."""
        total: int = await self._pool.fetchval(
            sql("note_source_crashes"), service_id, sha256, size, crashes, window
        )
        return total

    async def sizes(self, least: int, window: timedelta, most: int) -> set[tuple[int, int]]:
        """Return service and size in bytes of what is in quarantine, of at most so many."""
        rows = await self._pool.fetch(sql("quarantined_sizes"), least, window, most)
        return {(row["service_id"], row["size"]) for row in rows}

    async def find(
        self, service_id: int, sha256: str, *, least: int, window: timedelta
    ) -> QuarantinedSource | None:
        """Look a source up; None if it is not in quarantine."""
        row = await self._pool.fetchrow(sql("find_quarantined"), least, window, service_id, sha256)
        return None if row is None else QuarantinedSource(**row)

    async def list(self, least: int, window: timedelta) -> list[QuarantinedSource]:
        """Return all that are in quarantine."""
        rows = await self._pool.fetch(sql("list_quarantined"), least, window)
        return [QuarantinedSource(**row) for row in rows]

    async def lift(self, service_id: int, sha256: str) -> bool:
        """Forget the crashes of a source; False if there were none."""
        return bool(await self._pool.fetchval(sql("lift_quarantine"), service_id, sha256))

    async def forget(self, older_than: timedelta) -> None:
        """Drop what does not count any more."""
        await self._pool.execute(sql("forget_source_crashes"), older_than)
