"""Surrounds every request: its id, trace and metrics, and errors turned into answers."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from time import perf_counter

import msgspec
import structlog
from aiohttp import web

from service.errors import (
    BodyTooLarge,
    DarkroomError,
    HttpError,
    RateLimited,
    Unavailable,
    http_status,
    place_of,
)
from service.http.schemas import Problem
from service.ids import trace_id
from service.metrics import Metrics
from service.outages import POSTGRES, outages
from service.store import is_unavailable
from service.tracing import NOTHING, Span, span

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
JSON = "application/json"
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE"}

METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)
# What every answer to a request says, an error too.
ANSWER_HEADERS: web.RequestKey[dict[str, str]] = web.RequestKey("answer_headers")

REQUEST_ID_OF: web.RequestKey[str] = web.RequestKey("request_id")
# What the log line of a request says beside the usual: its service, its process, its error.
ABOUT: web.RequestKey[dict[str, int | str]] = web.RequestKey("about")
ERROR_CODE: web.ResponseKey[str] = web.ResponseKey("error_code")
TRACE: web.RequestKey[Span] = web.RequestKey("trace")
QUIET = {"/livez", "/readyz", "/metrics"}  # asked every few seconds: logged when they fail

log = structlog.get_logger(__name__)

_encoder = msgspec.json.Encoder()


def json_response(content: object, status: int = 200, **headers: str) -> web.Response:
    """Answer with a struct as JSON; header names are written with underscores."""
    named = {"Content-Type": JSON}
    for name, value in headers.items():
        named[name.replace("_", "-")] = value
    return web.Response(body=_encoder.encode(content), status=status, headers=named)


def traceparent(request: web.Request) -> str | None:
    """Return the W3C trace context of a request: that of its span, or the caller's, or none."""
    return request[TRACE].traceparent or _came(request)


def _came(request: web.Request) -> str | None:
    came = request.headers.get("traceparent")
    return came if came and TRACEPARENT.fullmatch(came) else None


def request_id(request: web.Request) -> str:
    """Return the id of a request: the caller's, or a generated one."""
    return request[REQUEST_ID_OF]


def log_about(request: web.Request, **facts: int | str) -> None:
    """Have the log line of a request say more: the ids of its service and its process."""
    request[ABOUT].update(facts)


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Name, time and count a request, and answer every error as the API does."""
    began = perf_counter()
    came, route = request.headers.get("X-Request-Id"), _route(request)
    name = came if came and REQUEST_ID.fullmatch(came) else _new_name()
    request[REQUEST_ID_OF], request[ABOUT] = name, {}
    with _span(request, route) as request[TRACE]:
        try:
            response = await handler(request)
        except Exception as error:  # every error is an answer; unknown ones are 500
            response = _answer(error, name, route)
            request[ABOUT]["error_code"] = response[ERROR_CODE]
            if isinstance(error, RateLimited):
                request.app[METRICS].rate_limited.labels("quota").inc()
        _close(request, response.status)
    _finish(request, response)
    seconds = perf_counter() - began
    _count(request, route, response.status, seconds)
    _log(request, route, response.status, seconds)
    if response.status < 400 and "process_id" in request[ABOUT]:
        outages.worked(POSTGRES)
    return response


def _span(request: web.Request, route: str) -> AbstractContextManager[Span]:
    if route in QUIET:
        return NOTHING
    method = request.method
    return span(
        f"{method} {route}", kind="SERVER", parent=_came(request), http_method=method,
        http_route=route, request_id=request[REQUEST_ID_OF],
    )  # fmt: skip


def _close(request: web.Request, status: int) -> None:
    """Say in the span of a request what its log line says."""
    trace = request[TRACE]
    trace.note(http_status=status, **request[ABOUT])
    if status >= 500:
        trace.fail(f"{status}")


async def send(request: web.Request, response: web.Response, seconds: float) -> None:
    """Send an answer while its handler still holds what the answer takes up.

    A client that has not read it after so many seconds, or that is gone, does not get the rest.
    """
    _finish(request, response)
    try:
        async with asyncio.timeout(seconds):
            await response.prepare(request)
            await response.write_eof()
    except ConnectionError:
        return
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


def answer_outside(error: BaseException) -> web.Response:
    """Answer a request that never reached the application, as if it had."""
    name = _new_name()
    response = _answer(error, name, "none")
    _complete(response, name)
    return response


def _new_name() -> str:
    return f"{random.getrandbits(96):024x}"


def _finish(request: web.Request, response: web.StreamResponse) -> None:
    if more := request.get(ANSWER_HEADERS):
        response.headers.update(more)
    _complete(response, request[REQUEST_ID_OF])


def _complete(response: web.StreamResponse, name: str) -> None:
    """Add what every answer says; a handler may have said something else of caching."""
    headers = response.headers
    headers["X-Request-Id"] = name
    headers["Server"] = "Darkroom"  # aiohttp would tell its version and Python's
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Cache-Control", "no-store")


def _answer(error: BaseException, name: str, route: str) -> web.Response:
    if isinstance(error, web.HTTPException):
        return _aiohttp_answer(error)
    error = _translated(error)
    if not isinstance(error, DarkroomError):
        log.error("unexpected_error", request_id=name, route=route, exc_info=error)
        problem = Problem(message="Unexpected error on our end", code="internal")
        return _refusal(problem, 500)
    problem = Problem(message=error.message, code=error.code, path=place_of(error))
    response = _refusal(problem, http_status(error))
    if isinstance(error, HttpError):
        response.headers.update(error.headers)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _refusal(problem: Problem, status: int) -> web.Response:
    response = json_response(problem, status)
    response[ERROR_CODE] = problem.code
    return response


def _translated(error: BaseException) -> BaseException:
    if is_unavailable(error):
        outages.failed(POSTGRES, error)
        return Unavailable("The service's database is unavailable; try again")
    return error


def _aiohttp_answer(error: web.HTTPException) -> web.Response:
    code, message = error.reason.lower().replace(" ", "_"), error.reason
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        code, message = BodyTooLarge.code, "Request body is over the limit"
    elif isinstance(error, web.HTTPNotFound):
        message = "Not Found: /openapi.json lists all paths"
    elif isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"Method Not Allowed: expected {allowed}"
    problem = Problem(message=message, code=code)
    kept = {name: value for name, value in error.headers.items() if name in {"Allow", "Location"}}
    response = _refusal(problem, error.status)
    response.headers.update(kept)
    return response


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _log(request: web.Request, route: str, status: int, seconds: float) -> None:
    """Write the line of a request; of a probe only if it fails."""
    if route in QUIET and status < 400:
        return
    trace = trace_id(traceparent(request))
    log.info(
        "request",
        request_id=request[REQUEST_ID_OF],
        method=request.method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 2),
        **request[ABOUT],
        **({"trace_id": trace} if trace else {}),
    )


def _count(request: web.Request, route: str, status: int, seconds: float) -> None:
    metrics = request.app[METRICS]
    method = request.method if request.method in METHODS else "other"
    metrics.http_answered(method, route, status, seconds)
