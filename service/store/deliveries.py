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


class Due(Struct, frozen=True, kw_only=True):
    """A callback whose time has come; `tries` names the dispatch, and fences its claim."""

    id: str
    tries: int
    service_id: int = 0


class PendingCallback(Due, frozen=True, kw_only=True):
    """One that is not claimed yet, and its URL."""

    url: str


class Try(Struct, frozen=True, kw_only=True):
    """How a try of a callback went, and after how long the next one is due."""

    delivery: Delivery
    status: Outcome
    answered: int | None
    error: str | None
    again_after: timedelta = timedelta(0)


class Deliveries:
    """The deliveries table; each method is one statement, for however many callbacks."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, due: Sequence[Due]) -> list[PendingCallback]:
        """Look at callbacks without taking them; those that were taken are left out."""
        rows = await self._pool.fetch(sql("find_deliveries"), *_named(due))
        return [PendingCallback(**row) for row in rows]

    async def claim(
        self, wanted: Sequence[Due], longest: timedelta, max_tries: int
    ) -> list[Delivery]:
        """Take callbacks for one try of at most `longest`; those that were taken are left out.

        One that has had all its tries has failed, whatever became of them.
        """
        rows = await self._pool.fetch(sql("claim_deliveries"), *_named(wanted), longest, max_tries)
        return [
            Delivery(**{name: row[name] for name in Delivery.__struct_fields__})
            for row in rows
            if row["status"] != "FAILED"
        ]

    async def defer(
        self,
        callbacks: Sequence[Due],
        again_after: Sequence[timedelta],
        given_up_after: timedelta,
    ) -> None:
        """Leave callbacks that nobody has taken for later; one that is too old has failed."""
        await self._pool.execute(
            sql("defer_deliveries"), *_named(callbacks), again_after, given_up_after
        )

    async def record_tries(self, tries: Sequence[Try]) -> None:
        """Record how tries went, unless the callbacks are another's by now."""
        await self._pool.execute(
            sql("record_tries"),
            *_named([each.delivery for each in tries]),
            [each.status for each in tries],
            [each.answered for each in tries],
            [each.error for each in tries],
            [each.again_after for each in tries],
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


def _named(callbacks: Sequence[Due | Delivery]) -> tuple[list[str], list[int]]:
    return [each.id for each in callbacks], [each.tries for each in callbacks]
