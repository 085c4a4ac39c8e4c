"""The OpenAPI document: every route, its parameters and all its answers."""

import msgspec

from engine.errors import SourceCorrupt
from service.api.openapi import examples, process_operations
from service.api.openapi.parts import (
    HEADERS,
    PARAMETERS,
    REQUEST_HEADERS,
    SIGNATURE_HEADERS,
    access_errors,
    answer,
    body,
    body_errors,
    error_responses,
    parameter,
    ref,
    text,
)
from service.api.openapi.preset_operations import preset_operations
from service.api.openapi.preview_operation import preview_operation
from service.api.openapi.schemas import Schema, build_schemas
from service.errors import (
    Forbidden,
    IdempotencyInFlight,
    IdempotencyMismatch,
    NotFound,
    SourceNotFound,
    StorageUnavailable,
)
from service.settings import Settings
from service.version import version

ABOUT = """\
Transforms images in your storage, in batches.

`POST /request` creates a process from one source image and up to {max_jobs} jobs. Each job has a
list of transformations and a destination. The answer contains a `process_id`: from then on the
process is durably recorded. `GET /request/{{process_id}}` returns its status, and a `callback` URL
receives the status when the process has ended. `POST /retry` retries failed jobs. `POST /explain`
shows what a batch would do, without doing it, and `POST /preview` answers with
the result of one job. `PUT /presets/{{name}}` saves a part of jobs under a name.

Requests are authenticated with a bearer token. Every error has a `message` for people and a stable
`code` for programs; an error about one field also has its `path`. Numbers and
booleans may also be written as strings, such as `"750"` and `"true"`.
"""

TAGS = [
    {
        "name": "Processes",
        "description": "Create processes, get their status, cancel and retry them.",
    },
    {"name": "Presets", "description": "Name parts of jobs, and use them by their names."},
    {"name": "Reference", "description": "This document. Needs no token."},
    {"name": "Operations", "description": "Probes and metrics. Need no token."},
]


def build_document(settings: Settings) -> Schema:
    """Return the OpenAPI 3.1 document of an API that runs with these settings."""
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
            "/request/{process_id}/cancel": {"post": _cancel()},
            "/requests": {
                "get": process_operations.list_processes(),
                "post": process_operations.create_many(settings),
            },
            "/request/{process_id}/callbacks/{callback_id}/redeliver": {
                "post": process_operations.redeliver()
            },
            "/retry": {"post": _retry(settings)},
            "/explain": {"post": _explain(settings)},
            "/preview": {"post": preview_operation(settings)},
            **preset_operations(settings),
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
        "description": "Validates the whole batch, records it and returns its id. After a 200 the "
        "process is durably recorded. If a single field is invalid, nothing is recorded.\n\n"
        "Send an `Idempotency-Key` to make the request safe to repeat: the same key with the same "
        f"body returns the first answer again for {hours} hours.",
        "parameters": [parameter(name) for name in REQUEST_HEADERS],
        "requestBody": body("CreateProcess", examples.CREATES),
        "responses": {
            "200": answer(
                "The process is recorded.",
                ref("Created"),
                {"created": examples.CREATED},
                headers=["Idempotent-Replayed"],
            ),
            **error_responses(
                examples.create_errors(),
                *access_errors(),
                Forbidden("This token has no access to this service"),
                IdempotencyInFlight("The first request with this key is not answered yet"),
                *body_errors(settings),
                IdempotencyMismatch("This Idempotency-Key was used with another body"),
            ),
        },
        "callbacks": {"ended": {"{$request.body#/callback}": {"post": _callback()}}},
    }


def _status() -> Schema:
    return {
        "operationId": "getProcess",
        "tags": ["Processes"],
        "summary": "Get the status of a process",
        "description": "Returns the status of a process and of each of its jobs. With `wait` the "
        "answer waits until the process has ended, or for so many seconds.",
        "parameters": [
            process_operations.PROCESS_ID,
            process_operations.WAIT,
            parameter("X-Request-Id"),
        ],
        "responses": {
            "200": answer("The status of the process.", ref("ProcessStatus"), examples.STATUSES),
            **error_responses(
                process_operations.wait_errors(), *access_errors(), NotFound("Process not found")
            ),
        },
    }


def _cancel() -> Schema:
    return {
        "operationId": "cancelProcess",
        "tags": ["Processes"],
        "summary": "Cancel a process",
        "description": "Ends a queued process at once: its jobs fail with `cancelled`. A running "
        "process is stopped within seconds; until then its status has `cancelling`. What is stored "
        "stays. A process that has ended is left as it is, so the call may be repeated.",
        "parameters": [process_operations.PROCESS_ID, parameter("X-Request-Id")],
        "responses": {
            "200": answer("The status of the process.", ref("ProcessStatus"), examples.CANCELLED),
            **error_responses([], *access_errors(), NotFound("Process not found")),
        },
    }


def _retry(settings: Settings) -> Schema:
    return {
        "operationId": "retryProcesses",
        "tags": ["Processes"],
        "summary": "Retry processes",
        "description": "Queues ended processes again and increments their `attempt`. Only failed "
        "jobs run again, unless `all` is true; a process without failed jobs stays as it is. The "
        "answer has one entry for each distinct id, in the order of the request; it is 200 even if "
        "the status of some entries is not.",
        "parameters": [parameter("X-Request-Id")],
        "requestBody": body("RetryProcesses", examples.RETRIES),
        "responses": {
            "200": answer(
                "The result for each id.",
                {"type": "array", "items": ref("RetryResult")},
                {"one of each": examples.RETRIED},
            ),
            **error_responses(
                examples.retry_errors(),
                *access_errors(),
                Forbidden("This token has no access to this service"),
                *body_errors(settings),
            ),
        },
    }


def _explain(settings: Settings) -> Schema:
    explanation = answer(
        "What would be done: JSON, text or a diagram (SVG), as `Accept` selects.",
        ref("Explanation"),
        {"several jobs": examples.explanation()},
        headers=["Vary"],
    )
    for kind in ("text/plain", "image/svg+xml"):
        explanation["content"][kind] = {"schema": {"type": "string"}}
    return {
        "operationId": "explainBatch",
        "tags": ["Processes"],
        "summary": "Explain a batch",
        "description": "Takes the body of `POST /request` and validates it in the same way, but "
        "records and renders nothing: the answer shows how each job would be done, or why it would "
        "fail. Only the headers of the source and of the watermarks are read, at most "
        f"{settings.max_explain_bytes} bytes of all files together. If every job would fail, for "
        "instance because the source does not exist, the answer is an error with the code that "
        "the jobs would have.",
        "parameters": [parameter("X-Request-Id")],
        "requestBody": body("CreateProcess", examples.CREATES),
        "responses": {
            "200": explanation,
            **error_responses(
                examples.create_errors(),
                *access_errors(),
                Forbidden("This token has no access to this service"),
                SourceNotFound("there is no object 'photos/shoe.jpg'"),
                *body_errors(settings),
                SourceCorrupt("the image cannot be decoded: damaged or incomplete data"),
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
        "description": "Sent when a process is `FINISHED` or `FAILED`, signed as Standard Webhooks "
        "specify, and retried for about three days until the answer is 2xx. 410 stops the retries; "
        "a redirect counts as a failure. The body is the status of the process without "
        "`callbacks`.",
        "security": [],
        "parameters": [parameter(name) for name in SIGNATURE_HEADERS],
        "requestBody": body("ProcessStatus", ended),
        "responses": {
            "2XX": {"description": "Received. It is not sent again."},
            "410": {"description": "Rejected for good. It is not sent again."},
            "default": {"description": "Not received. It is sent again later."},
        },
    }


def _openapi() -> Schema:
    return {
        "operationId": "getOpenapi",
        "tags": ["Reference"],
        "summary": "This document",
        "security": [],
        "responses": {
            "200": answer("An OpenAPI 3.1 document.", {"type": "object"}, headers=["ETag"]),
            "304": {"description": "Unchanged: `If-None-Match` names its `ETag`."},
        },
    }


def _docs() -> Schema:
    return {
        "operationId": "getDocs",
        "tags": ["Reference"],
        "summary": "This document as a page",
        "security": [],
        "responses": {"200": text("A page that loads nothing from other hosts.", "text/html")},
    }


def _asset() -> Schema:
    return {
        "operationId": "getDocsAsset",
        "tags": ["Reference"],
        "summary": "A file of the page",
        "security": [],
        "parameters": [
            {
                "name": "asset",
                "in": "path",
                "required": True,
                "description": "The name of the file.",
                "schema": {"type": "string"},
                "example": "docs.js",
            }
        ],
        "responses": {
            "200": {"description": "The script or style sheet."},
            "304": {"description": "Unchanged: `If-None-Match` names its `ETag`."},
            **error_responses([], NotFound("No such file"), unexpected=False),
        },
    }


def _livez() -> Schema:
    alive: Schema = {"type": "object", "properties": {"status": {"const": "alive"}}}
    return {
        "operationId": "livez",
        "tags": ["Operations"],
        "summary": "Liveness probe",
        "security": [],
        "responses": {"200": answer("The server is running.", alive)},
    }


def _readyz() -> Schema:
    return {
        "operationId": "readyz",
        "tags": ["Operations"],
        "summary": "Readiness probe",
        "security": [],
        "responses": {
            "200": answer(
                "The server can accept requests.",
                {"type": "object", "properties": {"status": {"const": "ready"}}},
            ),
            "503": answer(
                "The server cannot accept requests: the database is unavailable or not migrated, "
                "or the server is shutting down.",
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
        "summary": "Metrics of this server",
        "security": [],
        "responses": {"200": text("Metrics in the Prometheus text format.", "text/plain")},
    }
