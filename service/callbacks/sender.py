"""Sends the callbacks that are due: waits for a slot, claims, signs, POSTs, records the outcome."""

import random
import time
from collections.abc import Sequence
from datetime import timedelta

import structlog
from msgspec import Struct

from service import failpoints
from service.callbacks.back_off import MAX_TRIES, back_off, retry_after
from service.callbacks.circuit_breaker import CircuitBreaker
from service.callbacks.exchange import Exchange
from service.callbacks.fair_share import FairShare, QueueFull, Receiver
from service.callbacks.records import Records
from service.callbacks.signature import sign
from service.dispatch import Dispatch
from service.ids import trace_id
from service.metrics import Metrics
from service.outages import POSTGRES, outages
from service.outbound import ExchangeFailed, Target, parse_target
from service.settings import Settings
from service.store import UNAVAILABLE, Delivery, Due, Outcome, PendingCallback, Store, Try
from service.tracing import span

DEFER_SECONDS = 5.0, 30.0  # for callbacks that find too many others waiting

log = structlog.get_logger(__name__)


class Answer(Struct, frozen=True):
    """How a receiver answered one try: a status, or an error message."""

    status: int | None = None
    error: str | None = None
    wait: float = 0

    @property
    def delivered(self) -> bool:
        """Whether the receiver took the callback."""
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """Sends the callbacks that are due, one try at a time, as many side by side as it is asked."""

    def __init__(self, store: Store, settings: Settings, metrics: Metrics) -> None:
        self._deliveries = store.deliveries
        self._metrics = metrics
        self._records = Records(store.deliveries, settings)
        self._given_up = timedelta(hours=settings.callback_hours)
        self._share = FairShare(settings)
        self._breaker = CircuitBreaker(settings)
        self._exchange = Exchange(settings)
        metrics.callbacks_sending.set(lambda: self._share.busy)
        metrics.callback_circuits.set(lambda: self._breaker.open)

    def close(self) -> None:
        """Close what is open."""
        self._exchange.close()

    async def find(self, dispatches: Sequence[Dispatch]) -> Sequence[PendingCallback]:
        """Look at what was dispatched, in one statement; leaves out what was taken."""
        return await self._deliveries.find([Due(id=each.id, tries=each.run) for each in dispatches])

    async def send(self, callback: PendingCallback) -> None:
        """Send a callback when its turn has come, and record how that went; or put it off."""
        target = _target(callback.url)
        receiver = Receiver(callback.service_id, f"{target.host}:{target.port}" if target else "")
        if pause := self._breaker.pause(receiver):
            await self._defer(callback, "circuit_open", pause * random.uniform(1, 2))  # noqa: S311
            return
        try:
            async with self._share.slot(receiver):
                if pause := self._breaker.begin(receiver):
                    await self._defer(callback, "circuit_open", pause)
                else:
                    await self._try(callback, target, receiver)
        except QueueFull:
            await self._defer(callback, "queue_full", random.uniform(*DEFER_SECONDS))  # noqa: S311

    async def _try(
        self, callback: PendingCallback, target: Target | None, receiver: Receiver
    ) -> None:
        delivery = await self._records.claim(callback)
        if delivery is None:
            return
        with (
            self._metrics.stage("callback"),
            span(
                "callback", kind="CLIENT", parent=delivery.traceparent, http_method="POST",
                callback_id=delivery.id, process_id=delivery.process_id, tries=delivery.tries,
            ) as trace,
        ):  # fmt: skip
            answer = await self._post(delivery, target, trace.traceparent or delivery.traceparent)
            trace.note(http_status=answer.status)
            if not answer.delivered:
                trace.fail(answer.error or "")
        failpoints.reach("callback.after_send")
        if answer.status is None:
            self._breaker.failed(receiver)
        else:
            self._breaker.succeeded(receiver)
        await self._record(delivery, answer, receiver)

    async def _post(
        self, delivery: Delivery, target: Target | None, traceparent: str | None
    ) -> Answer:
        if target is None:
            return Answer(error="the callback's URL cannot be used")
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Darkroom",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(delivery.webhook_secrets, delivery.id, now, delivery.body),
        }
        if traceparent:
            headers["traceparent"] = traceparent
        if delivery.request_id:
            headers["X-Request-Id"] = delivery.request_id
        try:
            response = await self._exchange.post(
                target, headers, delivery.body, delivery.service_id
            )
        except ExchangeFailed as error:
            return Answer(error=str(error))
        if 200 <= response.status < 300:
            return Answer(response.status)
        message = f"the receiver answered {response.status}"
        return Answer(response.status, message, retry_after(response.retry_after))

    async def _record(self, delivery: Delivery, answer: Answer, receiver: Receiver) -> None:
        result: str
        status: Outcome
        again_after = timedelta(0)
        if answer.delivered:
            result, status = "delivered", "DELIVERED"
            self._metrics.callback_lag.observe(delivery.age)
        elif answer.status == 410:
            result, status = "gone", "FAILED"
        elif delivery.tries >= MAX_TRIES or delivery.age > self._given_up.total_seconds():
            result, status = "exhausted", "FAILED"
        else:
            result, status = "failed", "PENDING"
            again_after = timedelta(seconds=back_off(delivery.tries, answer.wait))
        tried = Try(
            delivery=delivery, status=status, answered=answer.status, error=answer.error,
            again_after=again_after,
        )  # fmt: skip
        await self._records.record(tried)
        self._metrics.callback_attempts.labels(result).inc()
        log.info(
            "callback", callback_id=delivery.id, process_id=delivery.process_id,
            service_id=delivery.service_id, attempt=delivery.attempt, receiver=receiver.address,
            tries=delivery.tries, result=result, status=answer.status, error=answer.error,
            request_id=delivery.request_id, trace_id=trace_id(delivery.traceparent),
        )  # fmt: skip

    async def _defer(self, callback: PendingCallback, reason: str, seconds: float) -> None:
        await self._records.defer(callback, seconds)
        self._metrics.callback_deferred.labels(reason).inc()


def _target(url: str) -> Target | None:
    try:
        return parse_target(url)
    except ValueError:
        return None


async def send_safely(sender: Sender, callback: PendingCallback) -> None:
    """Send; an error of our own is logged, and the row stays due."""
    try:
        await sender.send(callback)
    except UNAVAILABLE as error:
        outages.failed(POSTGRES, error)
    except Exception:  # one callback must not end the thread; it is tried again
        log.exception("callback_broke", callback_id=callback.id)
