"""The OpenAPI document: every route, what it takes, everything that it can answer."""

import msgspec

from engine.errors import SourceCorrupt
from service.api.openapi import examples
from service.api.openapi.parts import (
    HEADERS,
    PARAMETERS,
    SENT_WITH,
    SIGNED_WITH,
    answer,
    body,
    parameter,
    ref,
    refusals,
    text,
)
from service.api.openapi.schemas import Schema, build_schemas
from service.errors import (
    BodyTooLarge,
    Forbidden,
    HttpError,
    IdempotencyInFlight,
    IdempotencyMismatch,
    NotFound,
    RateLimited,
    RequestTimeout,
    SourceNotFound,
    StorageUnavailable,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from service.settings import Settings
from service.version import version

ABOUT = """\
Transforms pictures in your storage, many at a time.

`POST /request` names one source picture and up to {max_jobs} jobs. Each job is a list of
transformations and a destination. The answer is a `process_id`: from then on the work is on
disk and will be done. `GET /request/{{process_id}}` tells how it stands, and a `callback` URL
is told when it ends. `POST /retry` runs again what failed. `POST /explain` tells what a batch
would do, and does nothing.

Every request carries a bearer token. Every error has a `message` for people and a stable `code`
for programs; an error about one field also has its `path`. Numbers may come as numeric strings.
"""

TAGS = [
    {"name": "Processes", "description": "Create batches, follow them, run them again."},
    {"name": "Reference", "description": "This document. No token needed."},
    {"name": "Operations", "description": "Probes and metrics. No token needed."},
]


def build_document(settings: Settings) -> Schema:
    """Give the OpenAPI 3.1 document of an API that runs with these settings."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Darkroom",
            "version": version(),
            "summary": "Batch image processing.",
            "description": ABOUT.format(max_jobs=settings.max_jobs),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": TAGS,
        "security": [{"bearer": []}],
        "paths": {
            "/request": {"post": _create(settings)},
            "/request/{process_id}": {"get": _status()},
            "/retry": {"post": _retry(settings)},
            "/explain": {"post": _explain(settings)},
            "/openapi.json": {"get": _openapi()},
            "/docs": {"get": _docs()},
            "/docs/{asset}": {"get": _asset()},
            "/livez": {"get": _livez()},
            "/readyz": {"get": _readyz()},
            "/metrics": {"get": _metrics()},
        },
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of your service.",
                }
            },
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "schemas": build_schemas(settings),
        },
    }


def _create(settings: Settings) -> Schema:
    hours = settings.idempotency_hours
    return {
        "operationId": "createProcess",
        "tags": ["Processes"],
        "summary": "Create a process",
        "description": "Checks the whole batch, records it, and answers with its id. Once this "
        "answers 200 the process is on disk. Nothing is recorded when a single field is wrong.\n\n"
        "Send an `Idempotency-Key` to be able to repeat a request safely: the same key with the "
        f"same body gives the first answer again for {hours} hours.",
        "parameters": [parameter(name) for name in SENT_WITH],
        "requestBody": body("CreateProcess", examples.CREATES),
        "responses": {
            "200": answer(
                "The process is recorded.",
                ref("Created"),
                {"created": examples.CREATED},
                headers=["Idempotent-Replayed"],
            ),
            **refusals(
                examples.create_refusals(),
                *_access(),
                Forbidden("This token has no access to this service"),
                IdempotencyInFlight("The first request with this key is not answered yet"),
                *_bodies(settings),
                IdempotencyMismatch("This Idempotency-Key was used with another body"),
            ),
        },
        "callbacks": {"ended": {"{$request.body#/callback}": {"post": _callback()}}},
    }


def _status() -> Schema:
    return {
        "operationId": "getProcess",
        "tags": ["Processes"],
        "summary": "Get a process's status",
        "description": "Tells how a process and each of its jobs stand.",
        "parameters": [
            {
                "name": "process_id",
                "in": "path",
                "required": True,
                "description": "The id that `POST /request` gave.",
                "schema": {"type": "string"},
                "example": examples.CREATED.process_id,
            },
            parameter("X-Request-Id"),
        ],
        "responses": {
            "200": answer("How the process stands.", ref("ProcessStatus"), examples.STATUSES),
            **refusals([], *_access(), NotFound("Process not found")),
        },
    }


def _retry(settings: Settings) -> Schema:
    return {
        "operationId": "retryProcesses",
        "tags": ["Processes"],
        "summary": "Retry processes",
        "description": "Queues ended processes again and raises their `attempt`. Only jobs that "
        "are not done run again, unless `all` is true. The answer has one entry for each id, in "
        "the order asked; it is 200 even when some of the entries are not.",
        "parameters": [parameter("X-Request-Id")],
        "requestBody": body("RetryProcesses", examples.RETRIES),
        "responses": {
            "200": answer(
                "What became of each id.",
                {"type": "array", "items": ref("RetryResult")},
                {"one of each": examples.RETRIED},
            ),
            **refusals(
                examples.retry_refusals(),
                *_access(),
                Forbidden("This token has no access to this service"),
                *_bodies(settings),
            ),
        },
    }


def _explain(settings: Settings) -> Schema:
    told = answer(
        "What would be done, as data, as text or as a drawing; `Accept` chooses.",
        ref("Explanation"),
        {"several jobs": examples.explained()},
        headers=["Vary"],
    )
    for kind in ("text/plain", "image/svg+xml"):
        told["content"][kind] = {"schema": {"type": "string"}}
    return {
        "operationId": "explainBatch",
        "tags": ["Processes"],
        "summary": "Explain a batch",
        "description": "Takes the body of `POST /request` and refuses what that refuses, but does "
        "no work and records nothing: tells how each job would be done, or why it would fail. "
        "Only the headers of the source and of the watermarks are read, at most "
        f"{settings.max_explain_bytes} bytes of all of them together. What would end every job, "
        "such as a source that is not there, is an error with the code that the jobs would have.",
        "parameters": [parameter("X-Request-Id")],
        "requestBody": body("CreateProcess", examples.CREATES),
        "responses": {
            "200": told,
            **refusals(
                examples.create_refusals(),
                *_access(),
                Forbidden("This token has no access to this service"),
                SourceNotFound("nothing is stored under 'photos/shoe.jpg'"),
                *_bodies(settings),
                SourceCorrupt("the picture cannot be decoded: damaged or incomplete data"),
                StorageUnavailable("the storage answered 503 SlowDown for 'photos/shoe.jpg'"),
            ),
        },
    }


def _callback() -> Schema:
    ended = {
        name: msgspec.structs.replace(status, callbacks=[])
        for name, status in examples.STATUSES.items()
        if name != "queued"
    }
    return {
        "operationId": "processEnded",
        "tags": ["Processes"],
        "summary": "A process has ended",
        "description": "Sent once a process is `FINISHED` or `FAILED`, signed as Standard "
        "Webhooks say, and tried again for about three days until an answer is 2xx. 410 stops it; "
        "a redirect counts as a failure. The body is the process's status without `callbacks`.",
        "security": [],
        "parameters": [parameter(name) for name in SIGNED_WITH],
        "requestBody": body("ProcessStatus", ended),
        "responses": {
            "2XX": {"description": "Taken. It is not sent again."},
            "410": {"description": "Not wanted. It is not sent again."},
            "default": {"description": "Not taken. It is sent again later."},
        },
    }


def _access() -> list[HttpError]:
    """Give what every route that needs a token can answer."""
    return [
        Unauthorized(),
        Forbidden("This service is disabled"),
        RateLimited(retry_after=2),
        Unavailable("The service's database cannot be reached; try again"),
    ]


def _bodies(settings: Settings) -> list[HttpError]:
    """Give what every route that takes a body can answer."""
    return [
        RequestTimeout(f"The body did not arrive within {settings.body_seconds:g} s"),
        BodyTooLarge(f"Request body is over the limit of {settings.max_body_bytes} bytes"),
        UnsupportedMedia("Compressed bodies are not accepted"),
    ]


def _openapi() -> Schema:
    return {
        "operationId": "getOpenapi",
        "tags": ["Reference"],
        "summary": "This document",
        "security": [],
        "responses": {
            "200": answer("An OpenAPI 3.1 document.", {"type": "object"}, headers=["ETag"]),
            "304": {"description": "It is still what `If-None-Match` named."},
        },
    }


def _docs() -> Schema:
    return {
        "operationId": "getDocs",
        "tags": ["Reference"],
        "summary": "This document as a page",
        "security": [],
        "responses": {"200": text("A page that needs no other host.", "text/html")},
    }


def _asset() -> Schema:
    return {
        "operationId": "getDocsAsset",
        "tags": ["Reference"],
        "summary": "A file of that page",
        "security": [],
        "parameters": [
            {
                "name": "asset",
                "in": "path",
                "required": True,
                "description": "The file's name.",
                "schema": {"type": "string"},
                "example": "docs.js",
            }
        ],
        "responses": {
            "200": {"description": "The script or the style sheet."},
            "304": {"description": "It is still what `If-None-Match` named."},
            **refusals([], NotFound("No such file"), unexpected=False),
        },
    }


def _livez() -> Schema:
    alive: Schema = {"type": "object", "properties": {"status": {"const": "alive"}}}
    return {
        "operationId": "livez",
        "tags": ["Operations"],
        "summary": "Whether the process runs",
        "security": [],
        "responses": {"200": answer("It does.", alive)},
    }


def _readyz() -> Schema:
    return {
        "operationId": "readyz",
        "tags": ["Operations"],
        "summary": "Whether requests can be taken",
        "security": [],
        "responses": {
            "200": answer(
                "They can.", {"type": "object", "properties": {"status": {"const": "ready"}}}
            ),
            "503": answer(
                "They cannot now: the database is away or not migrated, or this process is "
                "shutting down.",
                {
                    "type": "object",
                    "properties": {
                        "status": {"const": "not ready"},
                        "reason": {"type": "string"},
                    },
                },
            ),
        },
    }


def _metrics() -> Schema:
    return {
        "operationId": "metrics",
        "tags": ["Operations"],
        "summary": "Metrics of this process",
        "security": [],
        "responses": {"200": text("Prometheus' text format.", "text/plain")},
    }
