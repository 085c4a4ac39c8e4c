"""The routes: decode, call, encode."""

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from engine.explain import Explanation, draw
from service.api.auth import Authenticator
from service.api.content_negotiation import preferred
from service.api.direct import Explainer, Previewer, with_destination
from service.api.intake import Intake, check_key
from service.api.quota import Quota
from service.errors import (
    BodyTooLarge,
    Cancelled,
    ClientGone,
    NotFound,
    RequestTimeout,
    UnsupportedMedia,
)
from service.http import (
    ANSWER_HEADERS,
    JSON,
    METRICS,
    Created,
    json_response,
    make_callback,
    send,
    show_process,
    traceparent,
)
from service.ids import is_process_id
from service.metrics import Metrics
from service.settings import Settings
from service.store import Holder, Store

SETTINGS: web.AppKey[Settings] = web.AppKey("settings", Settings)
STORE: web.AppKey[Store] = web.AppKey("store", Store)
INTAKE: web.AppKey[Intake] = web.AppKey("intake", Intake)
EXPLAINER: web.AppKey[Explainer] = web.AppKey("explainer", Explainer)
PREVIEWER: web.AppKey[Previewer] = web.AppKey("previewer", Previewer)
AUTHENTICATOR: web.AppKey[Authenticator] = web.AppKey("authenticator", Authenticator)
QUOTA: web.AppKey[Quota] = web.AppKey("quota", Quota)

# The media types of an explanation; the first is the default.
FORMATS: dict[str, Callable[[Explanation], bytes]] = {
    JSON: msgspec.json.encode,
    "text/plain": lambda explanation: f"{explanation}\n".encode(),
    "image/svg+xml": lambda explanation: draw(explanation).encode(),
}
# Headers of answers that contain what clients wrote, so that browsers execute nothing in them.
INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}

routes = web.RouteTableDef()


@routes.post("/request")
async def create_process(request: web.Request) -> web.Response:
    """Create a process and answer with its id."""
    holder = await authenticate(request)
    key = check_key(request.headers.get("Idempotency-Key"))
    body = await read_body(request)
    accepted = await request.app[INTAKE].accept(
        body, holder, key=key, traceparent=traceparent(request)
    )
    _charge(request, holder, accepted.jobs)
    response = json_response(Created(process_id=accepted.process_id))
    if accepted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@routes.get("/request/{process_id}")
async def get_process(request: web.Request) -> web.Response:
    """Answer with the status of a process."""
    holder = await authenticate(request)
    process_id = request.match_info["process_id"]
    found = None
    if is_process_id(process_id):
        found = await request.app[STORE].processes.get(process_id, holder.service_id)
    if found is None:
        raise NotFound("Process not found")
    return json_response(show_process(found))


@routes.post("/request/{process_id}/cancel")
async def cancel_process(request: web.Request) -> web.Response:
    """End a process that waits, have a running one stopped; answer with its status."""
    holder = await authenticate(request)
    process_id = request.match_info["process_id"]
    cancelled = None
    if is_process_id(process_id):
        cancelled = await request.app[STORE].processes.cancel_process(
            process_id, holder.service_id, make_callback
        )
    if cancelled is None:
        raise NotFound("Process not found")
    if cancelled.ended:
        request.app[METRICS].completed.labels("FAILED", Cancelled.code).inc()
    return json_response(show_process(cancelled.process))


@routes.post("/retry")
async def retry_processes(request: web.Request) -> web.Response:
    """Queue ended processes again."""
    holder = await authenticate(request)
    body = await read_body(request)
    retried = await request.app[INTAKE].retry(body, holder)
    _charge(request, holder, retried.jobs)
    return json_response(retried.results)


@routes.post("/explain")
async def explain_batch(request: web.Request) -> web.Response:
    """Explain a batch as JSON, text or a diagram."""
    holder = await authenticate(request)
    body = await read_body(request)
    reading = await request.app[INTAKE].read(body, holder)
    _charge(request, holder, len(reading.request.jobs))
    explanation = await request.app[EXPLAINER].explain(reading.request, reading.body)
    kind = preferred(request.headers.get("Accept", ""), list(FORMATS))
    text = await asyncio.to_thread(FORMATS[kind], explanation)  # 0.1 s for a large batch
    charset = None if kind == JSON else "utf-8"
    return web.Response(
        body=text, content_type=kind, charset=charset, headers={"Vary": "Accept", **INERT}
    )


@routes.post("/preview")
async def preview_job(request: web.Request) -> web.StreamResponse:
    """Render a job and answer with its image; its turn lasts until the client has it."""
    holder = await authenticate(request)
    body = with_destination(await read_body(request))
    reading = await request.app[INTAKE].read(body, holder)
    async with request.app[PREVIEWER].preview(reading.request, reading.body) as image:
        response = web.Response(body=image.data, content_type=image.content_type, headers=INERT)
        await send(request, response, request.app[SETTINGS].response_seconds)
    return response


async def authenticate(request: web.Request) -> Holder:
    """Give the service of a request, which counts as one job of its quota."""
    holder = await request.app[AUTHENTICATOR].holder(request.headers.get("Authorization"))
    budget = await request.app[QUOTA].admit(holder)
    if budget is not None:
        request[ANSWER_HEADERS] = budget.headers
        budget.check()
    return holder


def _charge(request: web.Request, holder: Holder, jobs: int) -> None:
    """Count a request as so many jobs; its first was counted when it was let in."""
    request.app[QUOTA].charge(holder, jobs - 1)


async def read_body(request: web.Request) -> bytes:
    """Receive a body, within the limits."""
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
