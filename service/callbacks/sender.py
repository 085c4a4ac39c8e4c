"""Sends the callbacks that are due: claims, signs, POSTs, and records how it went."""

import asyncio
import time
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import structlog

from service import failpoints
from service.callbacks.address_guard import AddressRefused, guard
from service.callbacks.back_off import SCHEDULE, back_off, retry_after
from service.callbacks.signature import sign
from service.dispatch import Dispatch
from service.metrics import Metrics
from service.settings import Settings
from service.store import Delivery, Due, Store

CLAIM_SLACK = 5.0  # seconds beyond the longest try, before another sender may take it

log = structlog.get_logger(__name__)


class Answer:
    """How a receiver answered one try: a status, or an error's words."""

    def __init__(
        self, status: int | None = None, error: str | None = None, wait: float = 0
    ) -> None:
        self.status = status
        self.error = error
        self.wait = wait


class Sender:
    """Sends the callbacks that are due, one try at a time."""

    def __init__(self, store: Store, settings: Settings, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._longest = timedelta(seconds=settings.callback_seconds + CLAIM_SLACK)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                socket_factory=guard(settings), use_dns_cache=False, limit=0, force_close=True
            ),
            timeout=aiohttp.ClientTimeout(total=settings.callback_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._session.close()

    async def send(self, dispatch: Dispatch) -> None:
        """Claim a callback, try to send it, and record how that went."""
        delivery = await self._store.deliveries.claim(
            Due(id=dispatch.id, tries=dispatch.run), self._longest
        )
        if delivery is None:
            return
        with self._metrics.stage("callback"):
            answer = await self._post(delivery)
        failpoints.reach("callback.after_send")
        await self._record(delivery, answer)

    async def _post(self, delivery: Delivery) -> Answer:
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Darkroom",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(delivery.webhook_secrets, delivery.id, now, delivery.body),
        }
        if delivery.traceparent:
            headers["traceparent"] = delivery.traceparent
        try:
            async with self._session.post(
                delivery.url, data=delivery.body, headers=headers, allow_redirects=False
            ) as response:
                # the body is nobody's business, however long it is or takes
                return Answer(response.status, wait=retry_after(response.headers))
        except TimeoutError:
            return Answer(error="the receiver did not answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(error=_public_words(error))

    async def _record(self, delivery: Delivery, answer: Answer) -> None:
        store = self._store.deliveries
        if answer.status is not None and 200 <= answer.status < 300:
            result = "delivered"
            await store.record_try(delivery, "DELIVERED", answered=answer.status, error=None)
            self._metrics.callback_lag.observe(delivery.age)
        elif answer.status == 410 or delivery.tries > len(SCHEDULE):
            result = "gone" if answer.status == 410 else "exhausted"
            await store.record_try(delivery, "FAILED", answered=answer.status, error=_words(answer))
        else:
            result = "failed"
            await store.record_try(
                delivery,
                "PENDING",
                answered=answer.status,
                error=_words(answer),
                again_after=timedelta(seconds=back_off(delivery.tries, answer.wait)),
            )
        self._metrics.callback_attempts.labels(result).inc()
        log.info(
            "callback", delivery=delivery.id, host=urlsplit(delivery.url).hostname,
            tries=delivery.tries, result=result, status=answer.status,
        )  # fmt: skip


def _words(answer: Answer) -> str | None:
    if answer.error is None and answer.status is not None:
        return f"the receiver answered {answer.status}"
    return answer.error


def _public_words(error: BaseException) -> str:
    """Say what went wrong without telling what our network looks like."""
    refused: BaseException | None = error
    while refused is not None and not isinstance(refused, AddressRefused):
        refused = refused.__cause__ or refused.__context__
    if refused is not None:
        return str(refused)
    if isinstance(error, ValueError):
        return "the callback's URL cannot be used"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the receiver's name does not resolve"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the receiver's certificate is not valid"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection to the receiver"
    return "the receiver broke off"


async def send_safely(sender: Sender, dispatch: Dispatch) -> None:
    """Send; an error of our own is logged, and the row stays due."""
    try:
        await sender.send(dispatch)
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("callback_broke", delivery=dispatch.id)
