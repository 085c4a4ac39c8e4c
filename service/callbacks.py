"""Tells customers that a process has ended: signs, guards, sends, backs off.

Signed as Standard Webhooks say: HMAC-SHA256 over ``id.timestamp.body``.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import random
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from service import failpoints
from service.metrics import Metrics
from service.queue import Dispatch
from service.settings import Settings
from service.store import Store
from service.store.deliveries import Delivery, Due

SCHEDULE = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
JITTER = 0.1
CLAIM_SLACK = 5.0  # seconds beyond the longest try, before another sender may take it
NAT64 = ipaddress.ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")

log = structlog.get_logger(__name__)


class AddressRefused(OSError):
    """A callback may not go to this address or port."""


class Answer:
    """How a receiver answered one try: a status, or an error's words."""

    def __init__(
        self, status: int | None = None, error: str | None = None, wait: float = 0
    ) -> None:
        self.status = status
        self.error = error
        self.wait = wait


def sign(secrets: list[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Give the ``webhook-signature`` header: one signature for each active secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [
        hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
        for secret in secrets
    ]
    return " ".join("v1," + base64.b64encode(digest).decode() for digest in digests)


def is_public(address: str) -> bool:
    """Whether an IP address is out on the internet, whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
        if ip not in GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


def guard(settings: Settings) -> Callable[[Any], socket.socket]:
    """Make the function that opens a callback's socket, for addresses that are allowed.

    It is given the very address that is connected to, so a name that resolves to another
    one the next time, or a number in disguise, gains nothing.
    """
    ports = settings.callback_ports
    allowed = None if ports == "*" else {int(port) for port in ports.split(",")}

    def open_socket(address: Any) -> socket.socket:
        family, kind, protocol, _, place = address
        if allowed is not None and place[1] not in allowed:
            raise AddressRefused(f"callbacks may not go to port {place[1]}")
        if not settings.callback_private_networks and not is_public(place[0]):
            raise AddressRefused("callbacks may not go to private networks")
        return socket.socket(family, kind, protocol)

    return open_socket


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
                return Answer(response.status, wait=_retry_after(response.headers))
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


def back_off(tries: int, at_least: float = 0) -> float:
    """Give the seconds before the next try, after so many: the schedule, with jitter."""
    planned = SCHEDULE[min(tries, len(SCHEDULE)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return max(planned, min(at_least, SCHEDULE[-1]))


def _retry_after(headers: Mapping[str, str]) -> float:
    """Read seconds or a date; anything else asks for nothing."""
    came = headers.get("Retry-After", "")
    if came.isdecimal():
        return float(came[:9])
    try:
        return max(0.0, parsedate_to_datetime(came).timestamp() - time.time())
    except ValueError:
        return 0


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
