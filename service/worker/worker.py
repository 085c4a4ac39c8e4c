"""A worker: takes processes from the queue, renders them, sends callbacks, runs the upkeep."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from aiohttp import web

from service.backends import Backends, open_backends
from service.callbacks import CallbackThread
from service.dispatch import (
    RENDER,
    Backlog,
    Capacity,
    Dispatcher,
    Duty,
    Queue,
    Rates,
    Reconciler,
    Refill,
    Worker,
)
from service.http import METRICS, Runner, observe, probes
from service.ids import new_process_id
from service.metrics import Metrics, Role
from service.quarantine import SourceQuarantine
from service.sandbox.parent import Sandbox, commands
from service.sandbox.protocol import PROTECTIONS
from service.sandbox.setup import make_sandbox, worker_budget
from service.settings import Settings
from service.store import UNAVAILABLE, Store
from service.supervisor import Supervisor
from service.tasks import stop
from service.version import libvips_version, version
from service.worker.claims import Claims
from service.worker.heartbeat import Heartbeat
from service.worker.lease import Lease
from service.worker.processor import Processor
from service.worker.recorder import Recorder
from service.worker.rendering import Prefetch, Renderer
from service.worker.settlement import Settlement

PACE_SECONDS = 0.05  # between two statements, while more is in hand than can be rendered

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
        log.info("draining", processes=running.consumer.in_hand)
        running.readiness.draining = True
        await running.drain(settings.drain_seconds)
    log.info("stopped")


@dataclass(frozen=True)
class Running:
    """A worker at work; its loops end only when it is closed."""

    consumer: Worker[Lease]
    callbacks: CallbackThread
    readiness: probes.Readiness
    loops: Sequence["asyncio.Task[None]"]

    async def drain(self, seconds: float) -> None:
        """Take nothing more; let what runs finish for so long, then give it back."""
        await asyncio.gather(self.consumer.drain(seconds), self.callbacks.drain(min(2, seconds)))


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
    supervisor = Supervisor(metrics.task_restarted)
    name = f"{socket.gethostname()}:{os.getpid()}:{new_process_id()[:6]}"
    async with (
        open_backends(settings, metrics) as backends,
        _open_sandbox(settings, metrics, supervisor) as sandbox,
        _open_dispatcher(backends.callbacks) as dispatcher,
    ):
        parts = _assemble(
            name,
            backends,
            sandbox=sandbox,
            dispatcher=dispatcher,
            settings=settings,
            metrics=metrics,
        )
        readiness = _readiness(backends.store, sandbox, supervisor)
        async with (
            _serve_probes(settings, metrics, readiness),
            _keep_running(parts.loops, supervisor) as tasks,
        ):
            log.info(
                "working", name=name, slots=sandbox.slots, protections=sorted(sandbox.protections)
            )
            yield Running(parts.consumer, parts.callbacks, readiness, tasks)


@dataclass(frozen=True)
class _Parts:
    """A worker that is not running yet; `loops` are all that it does."""

    consumer: Worker[Lease]
    callbacks: CallbackThread
    loops: Mapping[str, Callable[[], Awaitable[None]]]


def _assemble(
    name: str,
    backends: Backends,
    *,
    sandbox: Sandbox,
    dispatcher: Dispatcher,
    settings: Settings,
    metrics: Metrics,
) -> _Parts:
    """Make the parts of a worker of this name, each with those that it needs."""
    store = backends.store
    heartbeat = _heartbeat(store, settings, metrics)
    prefetch = Prefetch(sandbox.slots, lane=sandbox.budget)
    recorder = Recorder(
        store.leases,
        timedelta(seconds=settings.dispatch_grace_seconds),
        pace=lambda: PACE_SECONDS if consumer.in_hand > prefetch.base else 0,
    )
    quarantine = SourceQuarantine(store.quarantine, settings)
    rates = Rates(backends.redis, RENDER)
    renderer = Renderer(
        sandbox, prefetch, quarantine, rates=rates, settings=settings, metrics=metrics
    )
    settlement = Settlement(dispatcher, settings, metrics)
    processor = Processor(
        backends,
        heartbeat=heartbeat,
        recorder=recorder,
        renderer=renderer,
        settlement=settlement,
        settings=settings,
        metrics=metrics,
    )
    claims = Claims(store.leases, name, settings.lease_seconds, metrics)
    refill = Refill(store.processes, backends.renders, settings, metrics)
    consumer = Worker(
        backends.redis,
        RENDER,
        Duty(claims.take, processor.work, UNAVAILABLE),
        Capacity(prefetch.room, prefetch.refused),
        Backlog(
            refill.overdue, settings.poll_seconds, settings.reconcile_seconds, refill.refill_soon
        ),
        cancelled=heartbeat.beat_soon,
        on_garbage=metrics.queue_garbage.inc,
    )
    callbacks = CallbackThread(settings, metrics)
    reconciler = Reconciler(store, refill, backends.callbacks, settings, metrics)
    loops = {
        "renderer": consumer.main, "callbacks": callbacks.run, "heartbeat": heartbeat.run,
        "records": reconciler.keep_records, "queues": reconciler.keep_queues,
        "rates": rates.keep_told, "sweeps": reconciler.keep_swept, "quarantine": quarantine.run,
    }  # fmt: skip
    return _Parts(consumer, callbacks, loops)


def _heartbeat(store: Store, settings: Settings, metrics: Metrics) -> Heartbeat:
    stall_seconds = settings.process_seconds + settings.storage_total_seconds
    return Heartbeat(store.leases, settings.lease_seconds, metrics, stall_seconds)


def _readiness(store: Store, sandbox: Sandbox, supervisor: Supervisor) -> probes.Readiness:
    readiness = probes.Readiness(store)
    readiness.tasks_down = lambda: supervisor.down
    readiness.missing_protections = lambda: sandbox.missing_protections
    return readiness


@asynccontextmanager
async def _keep_running(
    loops: Mapping[str, Callable[[], Awaitable[None]]], supervisor: Supervisor
) -> AsyncIterator[Sequence["asyncio.Task[None]"]]:
    """Run each loop in a task of its own, restarted after errors; stop the last one first."""
    async with AsyncExitStack() as stack:
        tasks = [asyncio.create_task(supervisor.keep(name, run)) for name, run in loops.items()]
        for task in tasks:
            stack.push_async_callback(stop, task)
        yield tasks


@asynccontextmanager
async def _open_dispatcher(queue: Queue) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(queue)
    try:
        yield dispatcher
    finally:
        await dispatcher.close()


@asynccontextmanager
async def _open_sandbox(
    settings: Settings, metrics: Metrics, supervisor: Supervisor
) -> AsyncIterator[Sandbox]:
    budget = worker_budget(settings, settings.slots)
    made = make_sandbox(
        settings, metrics, settings.slots, commands.RENDER, supervisor, budget=budget,
        nice=settings.child_nice,
    )  # fmt: skip
    async with made as sandbox:
        metrics.watch_slots(sandbox)
        metrics.watch_lane(budget)
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
