"""Statements of operators and clients: listing, redelivery, tokens, quotas."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from service.store.database import Pool, sql
from service.store.deliveries import Outcome
from service.store.processes import DeliveryRow, Status

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Cursor(Struct, frozen=True):
    """A position in a list of processes, newest first."""

    created_at: datetime = LAST
    id: str = ""


class ProcessFilter(Struct, frozen=True, kw_only=True):
    """Which processes to list: of one service or all, in some states, created since a moment.

    The list begins `before` a position: after a process, or with those created before a moment.
    """

    service_id: int | None = None
    statuses: Sequence[Status] = ()
    since: datetime = FIRST
    before: Cursor = Cursor()


class SummaryRow(Struct, frozen=True, kw_only=True):
    """A process in a list: how many jobs it has, how many are done or failed, with which codes."""

    id: str
    service_id: int
    status: Status
    attempt: int
    created_at: datetime
    updated_at: datetime
    jobs: int
    done: int
    failed: int
    errors: list[str]


class CallbackRow(DeliveryRow, frozen=True, kw_only=True):
    """A callback in a list of callbacks."""

    process_id: str
    service_id: int
    url: str
    created_at: datetime


class Redelivered(DeliveryRow, frozen=True, kw_only=True):
    """A callback that is sent again."""


class TokenRow(Struct, frozen=True, kw_only=True):
    """A token: `id` is the beginning of its SHA-256."""

    id: str
    service_id: int
    created_at: datetime


class Revoked(Struct, frozen=True, kw_only=True):
    """Whose token was revoked, and how many it has left."""

    service_id: int
    left_over: int


class Owner(Struct, frozen=True, kw_only=True):
    """The service of a process, and its weight."""

    id: int
    weight: float


class Administration:
    """What operators and clients list and change, besides the processing itself."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def processes(self, filters: ProcessFilter, most: int) -> list[SummaryRow]:
        """List at most so many processes, the newest first."""
        rows = await self._pool.fetch(
            sql("list_processes"), filters.service_id, filters.statuses or None, filters.since,
            filters.before.created_at, filters.before.id, most,
        )  # fmt: skip
        return [SummaryRow(**row) for row in rows]

    async def owner(self, process_id: str) -> Owner | None:
        """Return the service of a process, or None."""
        row = await self._pool.fetchrow(sql("find_owner"), process_id)
        return Owner(**row) if row else None

    async def ended_among(self, process_ids: Sequence[str]) -> set[str]:
        """Return those of these processes that have ended."""
        rows = await self._pool.fetch(sql("ended_among"), process_ids)
        return {row["id"] for row in rows}

    async def callbacks(
        self, service_id: int | None, status: Outcome | None, most: int
    ) -> list[CallbackRow]:
        """List at most so many callbacks, the latest first."""
        rows = await self._pool.fetch(sql("list_callbacks"), service_id, status, most)
        return [CallbackRow(**row) for row in rows]

    async def redeliver(
        self,
        callback_id: str,
        *,
        process_id: str | None = None,
        service_id: int | None = None,
        grace: timedelta = timedelta(0),
    ) -> Redelivered | None:
        """Send a callback again: with all its tries if it had ended, at once if it had not.

        None: there is none of that id, or not of this process and service. `grace` is how long
        the dispatch that follows may take before it counts as lost.
        """
        row = await self._pool.fetchrow(
            sql("redeliver"), callback_id, process_id, service_id, grace
        )
        return None if row is None else Redelivered(**row)

    async def tokens(self, service_id: int | None) -> list[TokenRow]:
        """List the tokens of one service or of all."""
        return [TokenRow(**row) for row in await self._pool.fetch(sql("list_tokens"), service_id)]

    async def revoke_token(self, token_id: str) -> Revoked | None:
        """Forget a token, by its id. None: there is none."""
        row = await self._pool.fetchrow(sql("revoke_token"), token_id)
        return None if row is None else Revoked(**row)

    async def set_quota(self, service_id: int, jobs_a_minute: int | None) -> bool:
        """Change a service's quota; None lifts it. False: no such service."""
        return bool(await self._pool.fetchval(sql("set_quota"), service_id, jobs_a_minute))
