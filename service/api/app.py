"""The API as an aiohttp application, and the resources that it opens and closes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from service.api import access, handlers, presets, processes
from service.api.auth import Authenticator
from service.api.direct import Explainer, Previewer
from service.api.intake import Intake
from service.api.quota import Quota
from service.api.reference import add_reference
from service.backends import Backends, open_backends
from service.dispatch import Dispatcher
from service.http import METRICS, observe, probes
from service.metrics import Metrics, Role
from service.quarantine import SourceQuarantine
from service.settings import Settings
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
    app.cleanup_ctx.append(partial(_open, settings))
    app.on_shutdown.append(_start_draining)
    return app


async def _open(settings: Settings, app: web.Application) -> AsyncIterator[None]:
    """Open what the handlers use, for as long as the application runs."""
    async with open_backends(settings, app[METRICS]) as backends, AsyncExitStack() as closing:
        _record(app, backends, settings, closing)
        _answer_directly(app, backends, settings, closing)
        yield


def _record(
    app: web.Application, backends: Backends, settings: Settings, closing: AsyncExitStack
) -> None:
    """Let the handlers record and dispatch what is asked for, and tell what became of it."""
    store, metrics = backends.store, app[METRICS]
    dispatcher, callbacks = Dispatcher(backends.renders), Dispatcher(backends.callbacks)
    quota = Quota(backends.redis, settings)
    for each in (quota, callbacks, dispatcher):
        closing.push_async_callback(each.close)
    intake = Intake(store, dispatcher, settings, metrics)
    app[access.STORE] = store
    app[access.AUTHENTICATOR] = Authenticator(store.services, settings.token_cache_seconds, metrics)
    app[access.QUOTA] = quota
    app[handlers.INTAKE] = intake
    app[handlers.DISPATCHER] = dispatcher
    app[processes.BULK_INTAKE] = processes.BulkIntake(intake, store, settings)
    app[processes.STATUS_WATCH] = processes.StatusWatch(store.administration.ended_among, settings)
    app[processes.CALLBACKS] = callbacks
    app[probes.READINESS] = probes.Readiness(store)


def _answer_directly(
    app: web.Application, backends: Backends, settings: Settings, closing: AsyncExitStack
) -> None:
    """Let the handlers explain and preview what is asked for."""
    metrics, storages, sources = app[METRICS], backends.storages, backends.web
    quarantine = SourceQuarantine(backends.store.quarantine, settings)
    explainer = Explainer(storages, sources, settings, metrics)
    previewer = Previewer(storages, sources, quarantine, settings, metrics)
    for each in (explainer, previewer):
        closing.push_async_callback(each.close)
    app[handlers.EXPLAINER] = explainer
    app[handlers.PREVIEWER] = previewer


async def _start_draining(app: web.Application) -> None:
    app[probes.READINESS].draining = True
    app[processes.STATUS_WATCH].release()
