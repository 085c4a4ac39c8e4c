"""The routes of a process, of explanations and previews: decode, call, encode."""

import asyncio
from collections.abc import Callable

import msgspec
import structlog
from aiohttp import web

from engine.explain import Explanation, draw
from service.api.access import SETTINGS, STORE, authenticate, charge, read_body
from service.api.content_negotiation import preferred
from service.api.direct import Explainer, Previewer, with_destination
from service.api.idempotency import created_response, read_key
from service.api.intake import Intake
from service.api.processes import STATUS_WATCH, read_wait
from service.dispatch import Dispatcher
from service.errors import Cancelled, NotFound
from service.http import (
    JSON,
    METRICS,
    Created,
    json_response,
    log_about,
    make_callback,
    request_id,
    send,
    show_process,
    traceparent,
)
from service.ids import is_process_id

DISPATCHER: web.AppKey[Dispatcher] = web.AppKey("dispatcher", Dispatcher)
INTAKE: web.AppKey[Intake] = web.AppKey("intake", Intake)
EXPLAINER: web.AppKey[Explainer] = web.AppKey("explainer", Explainer)
PREVIEWER: web.AppKey[Previewer] = web.AppKey("previewer", Previewer)

RUNNING = {"QUEUED", "PROCESSING"}
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

log = structlog.get_logger(__name__)


@routes.post("/request")
async def create_process(request: web.Request) -> web.Response:
    """Create a process and answer with its id."""
    holder = await authenticate(request)
    key = read_key(request)
    body = await read_body(request)
    accepted = await request.app[INTAKE].accept(
        body,
        holder,
        key=key,
        traceparent=traceparent(request),
        request_id=request_id(request),
    )
    log_about(request, process_id=accepted.process_id)
    charge(request, holder, accepted.jobs)
    return created_response(Created(process_id=accepted.process_id), replayed=accepted.replayed)


@routes.get("/request/{process_id}")
async def get_process(request: web.Request) -> web.Response:
    """Answer with the status of a process; `wait` lets the answer wait for its end."""
    holder = await authenticate(request)
    process_id, seconds = request.match_info["process_id"], read_wait(request)
    found, store = None, request.app[STORE]
    if is_process_id(process_id):
        log_about(request, process_id=process_id)
        found = await store.processes.get(process_id, holder.service_id)
    if found is not None and seconds and found.status in RUNNING:
        await request.app[STATUS_WATCH].wait(process_id, seconds)
        found = await store.processes.get(process_id, holder.service_id)
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
        log_about(request, process_id=process_id)
        cancelled = await request.app[STORE].processes.cancel_process(
            process_id, holder.service_id, make_callback
        )
    if cancelled is None:
        raise NotFound("Process not found")
    if cancelled.ended:
        request.app[METRICS].completed.labels("FAILED", Cancelled.code).inc()
        log.info(
            "settled", process_id=process_id, service_id=holder.service_id, outcome="FAILED",
            error_code=Cancelled.code, attempt=cancelled.process.attempt,
        )  # fmt: skip
    elif cancelled.process.cancelling:
        request.app[DISPATCHER].tell_cancelled(process_id)
    return json_response(show_process(cancelled.process))


@routes.post("/retry")
async def retry_processes(request: web.Request) -> web.Response:
    """Queue ended processes again."""
    holder = await authenticate(request)
    body = await read_body(request)
    retried = await request.app[INTAKE].retry(body, holder)
    charge(request, holder, retried.jobs)
    return json_response(retried.results)


@routes.post("/explain")
async def explain_batch(request: web.Request) -> web.Response:
    """Explain a batch as JSON, text or a diagram."""
    holder = await authenticate(request)
    body = await read_body(request)
    reading = await request.app[INTAKE].read(body, holder)
    charge(request, holder, len(reading.request.jobs))
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
