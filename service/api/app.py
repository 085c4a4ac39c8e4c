"""The API as an aiohttp application, and the resources that it opens and closes."""

from collections.abc import AsyncIterator, Callable

from aiohttp import web

from service.api import access, handlers, presets, processes
from service.api.auth import Authenticator
from service.api.direct import Explainer, Previewer
from service.api.intake import Intake
from service.api.quota import Quota
from service.api.reference import add_reference
from service.dispatch import CALLBACK, RENDER, Dispatcher, Queue, connect
from service.http import METRICS, observe, probes, watching
from service.metrics import Metrics, Role
from service.outbound import WebSources
from service.quarantine import SourceQuarantine
from service.settings import Settings
from service.storage import Storages, storage_limits
from service.store import open_store, time_limits
from service.version import libvips_version, version


def build_app(settings: Settings) -> web.Application:
    """Build the application; it opens Postgres and Redis when it starts."""
    app = web.Application(middlewares=[observe], client_max_size=settings.max_body_bytes)
    app[access.SETTINGS] = settings
    app[METRICS] = Metrics(
        version=version(),
        libvips=libvips_version(),
        role=Role.API,
        services=settings.metrics_services,
    )
    app.add_routes(handlers.routes)
    app.add_routes(processes.routes)
    app.add_routes(presets.routes)
    app.add_routes(probes.routes)
    add_reference(app, settings)
    app.cleanup_ctx.append(_open(settings))
    app.on_shutdown.append(_start_draining)
    return app


def _open(settings: Settings) -> Callable[[web.Application], AsyncIterator[None]]:
    async def opened(app: web.Application) -> AsyncIterator[None]:
        redis, metrics = connect(settings.redis_url), app[METRICS]
        async with open_store(
            settings.database_url,
            size=settings.database_pool,
            limits=time_limits(settings),
            observer=metrics.observe_pool("main"),
        ) as store:
            dispatcher = Dispatcher(Queue(redis, RENDER, settings.dispatch_window))
            app[access.STORE] = store
            metrics.watch_pool("main", store.pool)
            app[access.AUTHENTICATOR] = Authenticator(
                store.services, settings.token_cache_seconds, metrics
            )
            app[access.QUOTA] = Quota(redis, settings)
            intake = Intake(store, dispatcher, settings, metrics)
            app[handlers.INTAKE] = intake
            app[handlers.DISPATCHER] = dispatcher
            app[processes.BULK_INTAKE] = processes.BulkIntake(intake, store, settings)
            app[processes.STATUS_WATCH] = processes.StatusWatch(
                store.administration.ended_among, settings
            )
            callbacks = Dispatcher(Queue(redis, CALLBACK, settings.dispatch_window))
            app[processes.CALLBACKS] = callbacks
            storages = Storages(
                store.services.get, storage_limits(settings), metrics.storage_request
            )
            web = WebSources(store.services.source_hosts, settings, metrics.storage_request)
            app[handlers.EXPLAINER] = Explainer(storages, web, settings, metrics)
            quarantine = SourceQuarantine(store.quarantine, settings)
            app[handlers.PREVIEWER] = Previewer(storages, web, quarantine, settings, metrics)
            app[probes.READINESS] = probes.Readiness(store)
            async with watching(store, settings, metrics):
                yield
            await app[handlers.PREVIEWER].close()
            await app[handlers.EXPLAINER].close()
            web.close()
            await storages.close()
            await dispatcher.close()
            await callbacks.close()
            await app[access.QUOTA].close()
        await redis.aclose()

    return opened


async def _start_draining(app: web.Application) -> None:
    app[probes.READINESS].draining = True
    app[processes.STATUS_WATCH].release()
