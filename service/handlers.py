"""The routes: decode, call, encode."""

import re

from aiohttp import web

from service.auth import Authenticator, RateLimiter
from service.errors import BodyTooLarge, NotFound, UnsupportedMedia
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

PROCESS_ID = re.compile(r"[A-Za-z0-9_-]{21}")

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
    if PROCESS_ID.fullmatch(process_id):
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
    limit = request.app[SETTINGS].max_body_bytes
    if (request.content_length or 0) > limit:
        raise _too_large(limit, request.app[METRICS])
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limit, request.app[METRICS]) from None


def _too_large(limit: int, metrics: Metrics) -> BodyTooLarge:
    metrics.limits_rejected.labels("max_body_bytes").inc()
    return BodyTooLarge(f"Request body is over the limit of {limit} bytes")
