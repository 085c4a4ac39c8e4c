"""Deliveries: callbacks to be sent, and the outcomes of sending them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from service.store.database import Pool, sql

Outcome = Literal["PENDING", "DELIVERED", "FAILED"]


class NewDelivery(Struct, frozen=True, kw_only=True):
    """A callback to be sent; `id` is what the receiver sees on every try."""

    id: str
    process_id: str
    attempt: int
    url: str
    body: bytes
    traceparent: str | None
    request_id: str | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """A callback that this sender holds.

    `age` is the seconds since the process ended, or since it was asked for again.
    """

    id: str
    process_id: str
    service_id: int
    attempt: int
    url: str
    body: bytes
    traceparent: str | None
    request_id: str | None
    tries: int
    webhook_secrets: list[str]
    age: float


class PendingCallback(Struct, frozen=True, kw_only=True):
    """A callback that is not claimed yet: its service and its URL."""

    service_id: int
    url: str


class Due(Struct, frozen=True, kw_only=True):
    """A callback whose time has come; `tries` names the dispatch."""

    id: str
    tries: int
    service_id: int = 0


class Deliveries:
    """The deliveries table."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, due: Due) -> PendingCallback | None:
        """Look at a callback without taking it; None when it was taken."""
        row = await self._pool.fetchrow(sql("find_delivery"), due.id, due.tries)
        return None if row is None else PendingCallback(**row)

    async def claim(self, due: Due, longest: timedelta, max_tries: int) -> Delivery | None:
        """Take a callback for one try of at most `longest`, or None when it was taken.

        One that has had all its tries has failed, whatever became of them.
        """
        row = await self._pool.fetchrow(
            sql("claim_delivery"), due.id, longest, due.tries, max_tries
        )
        if row is None or row["status"] == "FAILED":
            return None
        return Delivery(**{name: row[name] for name in Delivery.__struct_fields__})

    async def defer(self, due: Due, again_after: timedelta, given_up_after: timedelta) -> None:
        """Leave a callback that nobody has taken for later; one that is too old has failed."""
        await self._pool.execute(
            sql("defer_delivery"), due.id, due.tries, again_after, given_up_after
        )

    async def record_try(
        self,
        delivery: Delivery,
        status: Outcome,
        *,
        answered: int | None,
        error: str | None,
        again_after: timedelta = timedelta(0),
    ) -> None:
        """Record how a try went, and when the next one is due."""
        await self._pool.execute(
            sql("record_try"), delivery.id, delivery.tries, status, answered, error, again_after
        )

    async def due(self, most: int) -> list[Due]:
        """Return callbacks whose time has come, the first first."""
        return [Due(**row) for row in await self._pool.fetch(sql("due_deliveries"), most)]

    async def defer_dispatched(self, due: Sequence[Due], again_after: timedelta) -> set[str]:
        """Look at callbacks again later, now that they were dispatched; returns the ids."""
        ids = [each.id for each in due]
        rows = await self._pool.fetch(sql("defer_dispatched"), ids, again_after)
        return {row["id"] for row in rows}

    async def take_due(self, most: int, again_after: timedelta) -> list[Due]:
        """Take callbacks whose time has come, for whoever sends them at once."""
        due = await self.due(most)
        ours = await self.defer_dispatched(due, again_after) if due else set()
        return [each for each in due if each.id in ours]
