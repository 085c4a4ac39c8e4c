"""Measures at intervals: the backlog in Postgres, and whether Postgres and Redis answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from service.metrics import Metrics
from service.settings import Settings
from service.store import UNAVAILABLE, Store
from service.supervisor import Supervisor
from service.tasks import stop

REDIS_SECONDS = 2.0  # for connecting, and for an answer
MOST_OF_THE_TIME = 0.05  # that may be spent counting: a count that takes long is made less often


@asynccontextmanager
async def watching(store: Store, settings: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """Watch while the body runs; an error of the watch is counted, and it goes on."""
    watch, supervisor = Watch(store, settings, metrics), Supervisor(metrics.task_restarted)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(watch.close)
        for name, run in watch.loops.items():
            task = asyncio.create_task(supervisor.keep(name, run))
            stack.push_async_callback(stop, task)
        yield


class Watch:
    """Asks every few seconds; each API and each worker does, so that one of them is enough.

    What is not known is absent from the metrics: nobody is told an old number as a new one.
    """

    def __init__(self, store: Store, settings: Settings, metrics: Metrics) -> None:
        self._store = store
        self._settings = settings
        self._metrics = metrics
        self._was_connected = False
        self._redis = redis.asyncio.Redis.from_url(
            settings.redis_url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            redis_connect_func=self._connected,
        )

    @property
    def loops(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What is to be kept running, by name."""
        return {"watch_database": self.keep_counting, "watch_redis": self.keep_asking_redis}

    async def close(self) -> None:
        """Close its connection to Redis."""
        await self._redis.aclose()

    async def keep_counting(self) -> None:
        """Count the backlog forever."""
        while True:
            began = monotonic()
            await self.count()
            took = monotonic() - began
            await asyncio.sleep(max(self._settings.watch_seconds, took / MOST_OF_THE_TIME))

    async def keep_asking_redis(self) -> None:
        """Ask Redis forever."""
        while True:
            await self.ask_redis()
            await asyncio.sleep(self._settings.watch_seconds)

    async def count(self) -> None:
        """Count the backlog once; Postgres is down for us if it does not answer in time."""
        metrics, most = self._metrics, self._metrics.services
        try:
            async with asyncio.timeout(self._settings.database_seconds):
                backlog = await self._store.backlog.count()
                services = await self._store.backlog.of_services(most) if most else []
        except UNAVAILABLE:
            metrics.db_up.set(0)
            metrics.backlog_unknown()
            metrics.services_wait([])
            return
        metrics.db_up.set(1)
        for state, waiting in backlog.processes.items():
            metrics.queue_depth.set(waiting.count, state)
            metrics.queue_oldest.set(waiting.oldest, state)
        metrics.callback_pending.set(backlog.callbacks.count)
        metrics.callback_oldest.set(backlog.callbacks.oldest)
        metrics.services_wait(services)

    async def ask_redis(self) -> None:
        """Ask Redis once, over a connection of our own that is made again when it was lost."""
        try:
            await self._redis.ping()
        except (RedisError, OSError):
            self._metrics.redis_up.set(0)
        else:
            self._metrics.redis_up.set(1)

    async def _connected(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        if self._was_connected:
            self._metrics.redis_reconnects.inc()
        self._was_connected = True
