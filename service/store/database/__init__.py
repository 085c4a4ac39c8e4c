"""Connections to Postgres: an observed pool, time limits, errors, and statements by name.

Knows nothing about what is recorded.
"""

from service.store.database.pool import Observer, Pool, Unobserved, observe
from service.store.database.postgres import (
    BLAMABLE,
    UNAVAILABLE,
    Connection,
    Record,
    is_unavailable,
)
from service.store.database.queries import queries, sql
from service.store.database.time_limits import DEFAULT_TIME_LIMITS, TimeLimits, time_limits

__all__ = [
    "BLAMABLE",
    "DEFAULT_TIME_LIMITS",
    "UNAVAILABLE",
    "Connection",
    "Observer",
    "Pool",
    "Record",
    "TimeLimits",
    "Unobserved",
    "is_unavailable",
    "observe",
    "queries",
    "sql",
    "time_limits",
]
