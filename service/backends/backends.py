"""Opens the backends of an API or worker, and closes them in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from arq.connections import ArqRedis

from service.backends.watch import watching
from service.dispatch import CALLBACK, RENDER, Queue, connect
from service.metrics import Metrics
from service.outbound import WebSources
from service.settings import Settings
from service.storage import Storages, storage_limits
from service.store import Store, open_store, time_limits


@dataclass(frozen=True)
class Backends:
    """The open connections, and the queues of processes to render and of callbacks to send."""

    store: Store
    redis: ArqRedis
    renders: Queue
    callbacks: Queue
    storages: Storages
    web: WebSources


@asynccontextmanager
async def open_backends(settings: Settings, metrics: Metrics) -> AsyncIterator[Backends]:
    """Open the connections, and measure their use and their backlog while the body runs."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_measured_store("main", settings.database_pool, settings, metrics)
        )
        await stack.enter_async_context(watching(store, settings, metrics))
        redis = connect(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        storages = Storages(store.services.get, storage_limits(settings), metrics.storage_request)
        stack.push_async_callback(storages.close)
        web = WebSources(store.services.source_hosts, settings, metrics.storage_request)
        stack.callback(web.close)
        renders, callbacks = (
            Queue(redis, name, settings.dispatch_window) for name in (RENDER, CALLBACK)
        )
        yield Backends(
            store=store,
            redis=redis,
            renders=renders,
            callbacks=callbacks,
            storages=storages,
            web=web,
        )


@asynccontextmanager
async def open_measured_store(
    name: str, size: int, settings: Settings, metrics: Metrics
) -> AsyncIterator[Store]:
    """Open the store with a pool of at most `size` connections, whose use is measured by name."""
    async with open_store(
        settings.database_url,
        size=size,
        limits=time_limits(settings),
        observer=metrics.observe_pool(name),
    ) as store:
        metrics.watch_pool(name, store.pool)
        yield store
