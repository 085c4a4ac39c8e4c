"""The routes for listing and controlling processes."""

from datetime import timedelta

from aiohttp import web

from service.api.access import SETTINGS, STORE, authenticate, charge, read_body
from service.api.idempotency import created_response, read_key
from service.api.processes.bulk_intake import BulkIntake
from service.api.processes.listing import read_page, show_page
from service.api.processes.status_watch import StatusWatch
from service.dispatch import Dispatch, Dispatcher
from service.errors import NotFound
from service.http import json_response, log_about, request_id, show_callback, traceparent
from service.ids import is_process_id

BULK_INTAKE: web.AppKey[BulkIntake] = web.AppKey("bulk_intake", BulkIntake)
STATUS_WATCH: web.AppKey[StatusWatch] = web.AppKey("status_watch", StatusWatch)
CALLBACKS: web.AppKey[Dispatcher] = web.AppKey("callbacks", Dispatcher)

routes = web.RouteTableDef()


@routes.get("/requests")
async def list_processes(request: web.Request) -> web.Response:
    """List the processes of the service that asks, the newest first."""
    holder = await authenticate(request)
    page = read_page(request, holder.service_id)
    rows = await request.app[STORE].administration.processes(page.filters, page.limit + 1)
    return json_response(show_page(page, rows))


@routes.post("/requests")
async def create_processes(request: web.Request) -> web.Response:
    """Create many processes, and answer each request on its own."""
    holder = await authenticate(request)
    key = read_key(request)
    body = await read_body(request)
    many = await request.app[BULK_INTAKE].accept(
        body, holder, key=key, traceparent=traceparent(request), request_id=request_id(request)
    )
    charge(request, holder, many.jobs)
    log_about(request, requests=len(many.results))
    return created_response(many.results, replayed=many.replayed)


@routes.post("/request/{process_id}/callbacks/{callback_id}/redeliver")
async def redeliver_callback(request: web.Request) -> web.Response:
    """Send a callback again, and answer with its status."""
    holder = await authenticate(request)
    process_id, callback_id = request.match_info["process_id"], request.match_info["callback_id"]
    found = None
    if is_process_id(process_id) and "\0" not in callback_id:
        log_about(request, process_id=process_id, callback_id=callback_id)
        found = await request.app[STORE].administration.redeliver(
            callback_id,
            process_id=process_id,
            service_id=holder.service_id,
            grace=timedelta(seconds=request.app[SETTINGS].dispatch_grace_seconds),
        )
    if found is None:
        raise NotFound("Callback not found")
    request.app[CALLBACKS].dispatch(Dispatch(found.id, found.tries, service_id=holder.service_id))
    return json_response(show_callback(found))
