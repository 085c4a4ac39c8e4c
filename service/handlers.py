"""The routes: decode, call, encode."""

import asyncio

from aiohttp import web

from service.auth import Authenticator, RateLimiter
from service.errors import BodyTooLarge, ClientGone, NotFound, RequestTimeout, UnsupportedMedia
from service.ids import is_process_id
from service.intake import Intake, check_key
from service.metrics import Metrics
from service.middleware import METRICS, json_response, traceparent
from service.schemas import Created, show_process
from service.settings import Settings
from service.store import Store
from service.store.services import Holder

SETTINGS: web.AppKey[Settings] = web.AppKey("settings", Settings)
STORE: web.AppKey[Store] = web.AppKey("store", Store)
INTAKE: web.AppKey[Intake] = web.AppKey("intake", Intake)
AUTHENTICATOR: web.AppKey[Authenticator] = web.AppKey("authenticator", Authenticator)
RATE_LIMITER: web.AppKey[RateLimiter] = web.AppKey("rate_limiter", RateLimiter)

routes = web.RouteTableDef()


@routes.post("/request")
async def create_process(request: web.Request) -> web.Response:
    """Record a process and answer with its id."""
    holder = await _authenticate(request)
    key = check_key(request.headers.get("Idempotency-Key"))
    body = await _body(request)
    accepted = await request.app[INTAKE].accept(
        body, holder, key=key, traceparent=traceparent(request)
    )
    response = json_response(Created(process_id=accepted.process_id))
    if accepted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@routes.get("/request/{process_id}")
async def get_process(request: web.Request) -> web.Response:
    """Tell how a process stands."""
    holder = await _authenticate(request)
    process_id = request.match_info["process_id"]
    found = None
    if is_process_id(process_id):
        found = await request.app[STORE].processes.get(process_id, holder.service_id)
    if found is None:
        raise NotFound("Process not found")
    return json_response(show_process(found))


@routes.post("/retry")
async def retry_processes(request: web.Request) -> web.Response:
    """Queue ended processes again."""
    holder = await _authenticate(request)
    body = await _body(request)
    return json_response(await request.app[INTAKE].retry(body, holder))


async def _authenticate(request: web.Request) -> Holder:
    holder = await request.app[AUTHENTICATOR].holder(request.headers.get("Authorization"))
    request.app[RATE_LIMITER].check(holder)
    return holder


async def _body(request: web.Request) -> bytes:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMedia("Compressed bodies are not accepted")
    settings = request.app[SETTINGS]
    limit, seconds = settings.max_body_bytes, settings.body_seconds
    if (request.content_length or 0) > limit:
        raise _too_large(limit, request.app[METRICS])
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limit, request.app[METRICS]) from None
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {seconds:g} s") from None
    except ConnectionError:
        raise ClientGone("The connection was closed before the body was complete") from None


def _too_large(limit: int, metrics: Metrics) -> BodyTooLarge:
    metrics.limits_rejected.labels("max_body_bytes").inc()
    return BodyTooLarge(f"Request body is over the limit of {limit} bytes")
