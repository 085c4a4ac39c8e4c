"""Metrics of dependencies: Postgres, Redis, storages, receivers of callbacks."""

from collections.abc import Callable
from typing import Protocol

from service.metrics.declarations import Declarations, Role

# Seconds, up to the time limits: of a statement, of a storage, of the age at which a callback is
# given up.
QUERY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
TRANSFER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
LAG = (0.05, 0.1, 0.25, 0.5, 1, 5, 10, 30, 60, 300, 1800, 7200, 21_600, 86_400, 172_800, 345_600)

WORKER = (Role.WORKER,)


class PoolState(Protocol):
    """A pool of connections."""

    @property
    def size(self) -> int:
        """How many connections it may have."""

    @property
    def in_use(self) -> int:
        """How many are lent out now."""


class DependencyMetrics:
    """How others answer."""

    def __init__(self, declare: Declarations) -> None:
        self._database(declare)
        self._redis(declare)
        self._storage(declare)
        self._callbacks(declare)

    def _database(self, declare: Declarations) -> None:
        self.db_up = declare.gauge(
            "db_up", "Whether Postgres answered this process the last time that it was asked"
        )
        self.db_pool_size = declare.gauge(
            "db_pool_size", "Connections to Postgres that a pool may have", "pool"
        )
        self.db_pool_in_use = declare.gauge(
            "db_pool_in_use", "Connections to Postgres in use", "pool"
        )
        self.db_pool_wait = declare.histogram(
            "db_pool_wait_seconds", "Time that work waited for a connection to Postgres", "pool",
            buckets=QUERY,
        )  # fmt: skip
        self.db_seconds = declare.histogram(
            "db_query_duration_seconds", "Time that a statement took in Postgres, by its name",
            "query",
            buckets=QUERY,
        )  # fmt: skip
        self.db_errors = declare.counter(
            "db_errors_total", "Statements that ended with an error, by their name", "query"
        )

    def _redis(self, declare: Declarations) -> None:
        self.redis_up = declare.gauge(
            "redis_up", "Whether Redis answered this process the last time that it was asked"
        )
        self.redis_reconnects = declare.counter(
            "redis_reconnects_total", "Times that Redis answered again after a connection was lost"
        )

    def _storage(self, declare: Declarations) -> None:
        self.storage_requests = declare.counter(
            "storage_requests_total",
            "Requests to storages; the status is ok or the code of an error",
            "op", "status",
        )  # fmt: skip
        self.storage_seconds = declare.histogram(
            "storage_request_duration_seconds", "Duration of requests to storages", "op",
            buckets=TRANSFER,
        )  # fmt: skip

    def _callbacks(self, declare: Declarations) -> None:
        self.callback_attempts = declare.counter(
            "callback_attempts_total", "Tries of callbacks", "result",
            of=WORKER, known=["delivered", "failed", "gone", "exhausted"],
        )  # fmt: skip
        self.callback_deferred = declare.counter(
            "callback_deferred_total", "Callbacks that were postponed without a try", "reason",
            of=WORKER, known=["circuit_open", "queue_full"],
        )  # fmt: skip
        self.callback_lag = declare.histogram(
            "callback_lag_seconds",
            "Time from the end of a process to the delivery of its callback",
            buckets=LAG, of=WORKER,
        )  # fmt: skip
        self.callbacks_sending = declare.gauge(
            "callbacks_sending", "Callbacks that this worker is sending", of=WORKER
        )
        self.callback_circuits = declare.gauge(
            "callback_circuits_open",
            "Receivers that this worker leaves alone for a while because they do not answer",
            of=WORKER,
        )

    def watch_pool(self, name: str, pool: PoolState) -> None:
        """Read the state of a pool of connections whenever metrics are scraped."""
        self.db_pool_size.set(lambda: pool.size, name)
        self.db_pool_in_use.set(lambda: pool.in_use, name)

    def observe_pool(self, name: str) -> "PoolObserver":
        """Return what counts the waits and statements of a pool of connections."""
        return PoolObserver(self, name)

    def storage_request(self, op: str, status: str, seconds: float) -> None:
        """Count a request to a storage."""
        self.storage_requests.labels(op, status).inc()
        self.storage_seconds.labels(op).observe(seconds)


class PoolObserver:
    """Counts for one pool of connections; what is labelled is looked up once."""

    def __init__(self, metrics: DependencyMetrics, pool: str) -> None:
        self._metrics = metrics
        self._wait = metrics.db_pool_wait.labels(pool)
        self._seconds: dict[str, Callable[[float], None]] = {}

    def waited(self, seconds: float) -> None:
        """Note how long work waited for a connection."""
        self._wait.observe(seconds)

    def answered(self, query: str, seconds: float, *, failed: bool) -> None:
        """Note how long a statement took, by its name."""
        if query not in self._seconds:
            self._seconds[query] = self._metrics.db_seconds.labels(query).observe
        self._seconds[query](seconds)
        if failed:
            self._metrics.db_errors.labels(query).inc()
