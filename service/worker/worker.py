"""A worker: takes processes from the queue, renders them, sends callbacks, runs the upkeep."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from aiohttp import web

from service.callbacks import CallbackThread
from service.dispatch import (
    CALLBACK,
    RENDER,
    Dispatcher,
    Queue,
    Reconciler,
    Refill,
    Worker,
    connect,
)
from service.http import METRICS, Runner, observe, probes, watching
from service.ids import new_process_id
from service.metrics import Metrics, Role
from service.outbound import WebSources
from service.quarantine import SourceQuarantine
from service.sandbox.parent import Sandbox, commands
from service.sandbox.protocol import PROTECTIONS
from service.sandbox.setup import make_sandbox, memory_budget
from service.settings import Settings
from service.storage import Storages, storage_limits
from service.store import UNAVAILABLE, open_store, time_limits
from service.supervisor import Supervisor
from service.tasks import stop
from service.version import libvips_version, version
from service.worker.appetite import Appetite
from service.worker.claims import Claims
from service.worker.heartbeat import Heartbeat
from service.worker.lease import Lease
from service.worker.processor import Processor
from service.worker.recorder import Recorder

PACE_SECONDS = 0.025  # between two statements, while more is in hand than can be rendered

log = structlog.get_logger(__name__)


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then finish what runs, within the grace."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with open_worker(settings) as running:
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *running.loops], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        log.info("draining", processes=running.renderer.in_hand)
        running.readiness.draining = True
        await running.drain(settings.drain_seconds)
    log.info("stopped")


@dataclass(frozen=True)
class Running:
    """A worker at work; its loops end only when it is closed."""

    renderer: Worker[Lease]
    callbacks: CallbackThread
    readiness: probes.Readiness
    loops: Sequence["asyncio.Task[None]"]

    async def drain(self, seconds: float) -> None:
        """Take nothing more; let what runs finish for so long, then give it back."""
        await asyncio.gather(self.renderer.drain(seconds), self.callbacks.drain(min(2, seconds)))


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncIterator[Running]:
    """Open all that a worker needs and start it; closing it stops everything.

    A loop that ends by an error is started again, and meanwhile the worker is not ready.
    """
    metrics = Metrics(
        version=version(),
        libvips=libvips_version(),
        role=Role.WORKER,
        services=settings.metrics_services,
    )
    name = f"{socket.gethostname()}:{os.getpid()}:{new_process_id()[:6]}"
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(
                settings.database_url,
                size=settings.database_pool,
                limits=time_limits(settings),
                observer=metrics.observe_pool("main"),
            )
        )
        metrics.watch_pool("main", store.pool)
        await stack.enter_async_context(watching(store, settings, metrics))
        redis = connect(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        readiness = probes.Readiness(store)
        storages = Storages(store.services.get, storage_limits(settings), metrics.storage_request)
        stack.push_async_callback(storages.close)
        web = WebSources(store.services.source_hosts, settings, metrics.storage_request)
        stack.callback(web.close)
        supervisor = Supervisor(metrics.task_restarted)
        readiness.tasks_down = lambda: supervisor.down
        sandbox = await stack.enter_async_context(_sandbox(settings, metrics, supervisor))
        readiness.missing_protections = lambda: sandbox.missing_protections
        window = settings.dispatch_window
        renders, callbacks = Queue(redis, RENDER, window), Queue(redis, CALLBACK, window)
        refill = Refill(store.processes, renders, settings, metrics)
        heartbeat = Heartbeat(
            store.leases,
            settings.lease_seconds,
            metrics,
            stall_seconds=settings.process_seconds + settings.storage_total_seconds,
        )
        dispatcher = Dispatcher(callbacks)
        stack.push_async_callback(dispatcher.close)
        appetite = Appetite(sandbox.slots, postponed=lambda: sandbox.memory.waiting)
        recorder = Recorder(
            store.leases,
            timedelta(seconds=settings.dispatch_grace_seconds),
            pace=lambda: PACE_SECONDS if renderer.in_hand > appetite.base else 0,
        )
        quarantine = SourceQuarantine(store.quarantine, settings)
        processor = Processor(
            leases=store.leases,
            quarantine=quarantine,
            storages=storages,
            web=web,
            sandbox=sandbox,
            heartbeat=heartbeat,
            recorder=recorder,
            appetite=appetite,
            callbacks=dispatcher,
            settings=settings,
            metrics=metrics,
        )
        sending = CallbackThread(settings, metrics)
        claims = Claims(store.leases, name, settings.lease_seconds, metrics)
        renderer = Worker(
            redis, RENDER, claims.take, processor.work, room=appetite.room,
            overdue=refill.overdue, refill=refill.refill_soon,
            cancelled=heartbeat.beat_soon, unavailable=UNAVAILABLE,
            poll_seconds=settings.poll_seconds, overdue_seconds=settings.reconcile_seconds,
            on_garbage=metrics.queue_garbage.inc,
        )  # fmt: skip
        reconciler = Reconciler(store, refill, callbacks, settings, metrics)
        await stack.enter_async_context(_serve_probes(settings, metrics, readiness))
        loops = {
            "renderer": renderer.main, "callbacks": sending.run, "heartbeat": heartbeat.run,
            "records": reconciler.keep_records, "queues": reconciler.keep_queues,
            "sweeps": reconciler.keep_swept, "quarantine": quarantine.run,
        }  # fmt: skip
        kept = [supervisor.keep(name, run) for name, run in loops.items()]
        tasks = [asyncio.create_task(task) for task in kept]
        for task in tasks:
            stack.push_async_callback(stop, task)
        log.info("working", name=name, slots=sandbox.slots, protections=sorted(sandbox.protections))
        yield Running(renderer, sending, readiness, tasks)


@asynccontextmanager
async def _sandbox(
    settings: Settings, metrics: Metrics, supervisor: Supervisor
) -> AsyncIterator[Sandbox]:
    memory = memory_budget(settings, settings.slots)
    made = make_sandbox(
        settings, metrics, settings.slots, commands.RENDER, supervisor, memory=memory,
        nice=settings.child_nice,
    )  # fmt: skip
    async with made as sandbox:
        metrics.watch_slots(sandbox)
        metrics.watch_protections(PROTECTIONS, lambda: sandbox.protections)
        yield sandbox


@asynccontextmanager
async def _serve_probes(
    settings: Settings, metrics: Metrics, readiness: probes.Readiness
) -> AsyncIterator[None]:
    app = web.Application(middlewares=[observe])
    app[METRICS] = metrics
    app[probes.READINESS] = readiness
    app.add_routes(probes.routes)
    runner = Runner(app, settings)
    await runner.setup()
    await web.TCPSite(runner, settings.metrics_host, settings.metrics_port).start()
    try:
        yield
    finally:
        await runner.cleanup()
