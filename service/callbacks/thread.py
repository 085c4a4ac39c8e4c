"""Runs callbacks in a thread of their own, so that no receiver can delay rendering.

It has its own event loop, its own connections to Postgres and Redis, and its own limits.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import uvloop

from service.backends import open_measured_store
from service.callbacks.sender import Sender, send_safely
from service.dispatch import (
    CALLBACK,
    Backlog,
    Capacity,
    Dispatch,
    Duty,
    Worker,
    connect,
    dispatch_of,
)
from service.metrics import Metrics
from service.settings import Settings
from service.store import UNAVAILABLE
from service.tasks import stop

IN_HAND = 20  # callbacks in hand for each that is being sent; those that wait hold no connection
END_SECONDS = 5.0


class CallbackThread:
    """Sends callbacks from when it is run until it is drained."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._drain: Future[float] = Future()
        self._ended: Future[None] = Future()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Send until drained or cancelled; raises what ended the thread otherwise."""
        self._drain, self._ended = Future(), Future()
        threading.Thread(target=self._main, name="callbacks", daemon=True).start()
        try:
            await asyncio.shield(asyncio.wrap_future(self._ended))
        except asyncio.CancelledError:
            await self.drain(0)
            raise

    async def drain(self, seconds: float) -> None:
        """Take nothing more, let what is being sent finish for so long, and end."""
        if not self._drain.done():
            self._drain.set_result(seconds)
        ended = asyncio.wrap_future(self._ended)
        await asyncio.wait([ended], timeout=seconds + END_SECONDS)

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._work())
        except BaseException as error:
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _work(self) -> None:
        settings = self._settings
        self.loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(
                open_measured_store(
                    "callbacks", settings.callback_database_pool, settings, self._metrics
                )
            )
            redis = connect(settings.redis_url)
            stack.push_async_callback(redis.aclose)
            sender = Sender(store, settings, self._metrics)
            stack.callback(sender.close)
            again = timedelta(seconds=settings.redispatch_seconds)

            async def overdue(most: int) -> Sequence[Dispatch]:
                taken = await store.deliveries.take_due(most, again)
                self._metrics.reconciled.labels("callback").inc(len(taken))
                return [dispatch_of(due) for due in taken]

            worker = Worker(
                redis,
                CALLBACK,
                Duty(sender.find, partial(send_safely, sender), UNAVAILABLE),
                Capacity(lambda: (IN_HAND * settings.callback_concurrency, 1)),
                Backlog(overdue, settings.poll_seconds, settings.reconcile_seconds),
                on_garbage=self._metrics.queue_garbage.inc,
            )
            taking = asyncio.create_task(worker.main())
            stack.push_async_callback(stop, taking)
            draining = asyncio.wrap_future(self._drain)
            either: list[asyncio.Future[Any]] = [taking, draining]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            await worker.drain(draining.result() if draining.done() else 0)
