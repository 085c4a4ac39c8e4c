"""The first steps of every handler: authenticate, authorise, read the body."""

import asyncio

from aiohttp import web

from service.api.auth import Authenticator
from service.api.quota import Quota
from service.errors import BodyTooLarge, ClientGone, RequestTimeout, UnsupportedMedia
from service.http import ANSWER_HEADERS, METRICS, log_about
from service.metrics import Metrics
from service.settings import Settings
from service.store import Holder, Store

SETTINGS: web.AppKey[Settings] = web.AppKey("settings", Settings)
STORE: web.AppKey[Store] = web.AppKey("store", Store)
AUTHENTICATOR: web.AppKey[Authenticator] = web.AppKey("authenticator", Authenticator)
QUOTA: web.AppKey[Quota] = web.AppKey("quota", Quota)


async def authenticate(request: web.Request) -> Holder:
    """Return the service that asks, if it may; raises Unauthorized, Forbidden and RateLimited."""
    holder = await request.app[AUTHENTICATOR].holder(request.headers.get("Authorization"))
    log_about(request, service_id=holder.service_id)
    budget = await request.app[QUOTA].admit(holder)
    if budget is not None:
        request[ANSWER_HEADERS] = budget.headers
        budget.check()
    return holder


def charge(request: web.Request, holder: Holder, jobs: int) -> None:
    """Count a request as so many jobs; its first was counted when it was let in."""
    request.app[QUOTA].charge(holder, jobs - 1)


async def read_body(request: web.Request) -> bytes:
    """Read a body within its limits of size and time."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMedia("Compressed bodies are not accepted")
    settings = request.app[SETTINGS]
    limit, seconds = settings.max_body_bytes, settings.body_seconds
    if (request.content_length or 0) > limit:
        raise _too_large(limit, request.app[METRICS])
    try:
        if not request.content.is_eof():
            async with asyncio.timeout(seconds):
                return await request.read()
        body = request.content.read_nowait()  # as always when it is small: it came with its head
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limit, request.app[METRICS]) from None
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {seconds:g} s") from None
    except ConnectionError:
        raise ClientGone("The connection was closed before the body was complete") from None
    if len(body) > limit:
        raise _too_large(limit, request.app[METRICS])
    return body


def _too_large(limit: int, metrics: Metrics) -> BodyTooLarge:
    metrics.limits_rejected.labels("max_body_bytes").inc()
    return BodyTooLarge(f"Request body is over the limit of {limit} bytes")
