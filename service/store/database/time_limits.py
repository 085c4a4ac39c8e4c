"""Time limits that Postgres enforces on our connections.

Postgres itself enforces these, for a client that is frozen cannot: a transaction that stands
still is broken off, and its locks are free for others.
"""

from msgspec import Struct

from service.settings import Settings
from service.store.database.postgres import Connection

FIRST_WITH_TRANSACTION_TIMEOUT = 17


class TimeLimits(Struct, frozen=True, kw_only=True):
    """In seconds: one statement, as the client counts; the rest as the server counts."""

    statement: float = 30
    lock: float = 20
    idle: float = 10
    transaction: float = 60

    @property
    def server_settings(self) -> dict[str, str]:
        """Return what every release of Postgres knows."""
        return {
            "lock_timeout": _milliseconds(self.lock),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle),
        }

    async def limit_transactions(self, connection: Connection) -> None:
        """Limit whole transactions too, where Postgres can (17 and later)."""
        if connection.get_server_version().major >= FIRST_WITH_TRANSACTION_TIMEOUT:
            name, value = "transaction_timeout", _milliseconds(self.transaction)
            await connection.execute("SELECT set_config($1, $2, false)", name, value)


DEFAULT_TIME_LIMITS = TimeLimits()  # of commands


def time_limits(settings: Settings) -> TimeLimits:
    """Return the limits that are set."""
    return TimeLimits(
        statement=settings.database_seconds,
        lock=settings.database_lock_seconds,
        idle=settings.database_idle_seconds,
        transaction=settings.database_transaction_seconds,
    )


def _milliseconds(seconds: float) -> str:
    """Write a time as Postgres reads it; 0 would mean no limit."""
    return f"{max(1, round(seconds * 1000))}ms"
