"""The operations on processes: create, follow, list, cancel and retry them; and their callback."""

from typing import get_args

import msgspec

from engine.errors import InvalidRequest
from service.api.openapi import examples
from service.api.openapi.parts import (
    REQUEST_HEADERS,
    SIGNATURE_HEADERS,
    access_errors,
    answer,
    body,
    body_errors,
    error_responses,
    parameter,
    path_parameter,
    query_parameter,
)
from service.api.openapi.schemas import Schema, ref
from service.api.processes import DEFAULT_LIMIT, LONGEST_WAIT, MAX_LIMIT
from service.errors import ForeignService, IdempotencyInFlight, IdempotencyMismatch, NotFound
from service.http import CreateResult, JobCounts, Problem, ProcessList, ProcessSummary
from service.settings import Settings
from service.store import Status

CURSOR = "MTcwNDA5NjAwMDAwMDAwMDpGY2xfYjZwc3JpTGk3bEJZQXNoaHA"

PROCESS_ID = path_parameter(
    "process_id", "The id that `POST /request` returned.", examples.CREATED.process_id
)
WAIT = query_parameter(
    "wait",
    "How many seconds the answer may wait for the end of the process.",
    {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
    LONGEST_WAIT,
)
TIME: Schema = {"type": "string", "format": "date-time"}
FILTERS = [
    query_parameter(
        "status",
        "Only processes in one of these states.",
        {"type": "array", "items": {"type": "string", "enum": list(get_args(Status))}},
        ["FAILED"],
        style="form",
        explode=False,
    ),
    query_parameter(
        "created_after",
        "Only processes that were created then or later.",
        TIME,
        "2024-01-01T08:00:00Z",
    ),
    query_parameter(
        "created_before", "Only processes that were created earlier.", TIME, "2024-02-01T00:00:00Z"
    ),
    query_parameter(
        "limit",
        "How many processes to list at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        DEFAULT_LIMIT,
    ),
    query_parameter(
        "cursor",
        "`next_cursor` of the page before; send the other parameters again.",
        {"type": "string"},
        CURSOR,
    ),
]

LISTED = ProcessList(
    processes=[
        ProcessSummary(
            process_id=examples.CREATED.process_id,
            status="FAILED",
            attempt=0,
            created_at="2024-01-01 08:00:00",
            updated_at="2024-01-01 08:01:00",
            created_at_rfc3339="2024-01-01T08:00:00.000Z",
            updated_at_rfc3339="2024-01-01T08:01:00.250Z",
            jobs=JobCounts(total=2, done=1, failed=1),
            error_codes=["timeout"],
        )
    ],
    next_cursor=CURSOR,
)
RESULTS = [
    CreateResult(status=200, process_id=examples.CREATED.process_id),
    CreateResult(
        status=400,
        code="invalid_request",
        message="jobs[0].quality: expected a number from 0 to 100, got 170",
        path="jobs[0].quality",
    ),
]


def process_paths(settings: Settings) -> Schema:
    """Describe the routes of processes."""
    return {
        "/request": {"post": _create(settings)},
        "/request/{process_id}": {"get": _status()},
        "/request/{process_id}/cancel": {"post": _cancel()},
        "/requests": {"get": _list(), "post": _create_many(settings)},
        "/request/{process_id}/callbacks/{callback_id}/redeliver": {"post": _redeliver()},
        "/retry": {"post": _retry(settings)},
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
                ForeignService(1, 2),
                IdempotencyInFlight("The first request with this key is not answered yet"),
                *body_errors(settings),
                IdempotencyMismatch("This Idempotency-Key was used with another body"),
            ),
        },
        "callbacks": {"ended": {"{$request.body#/callback}": {"post": _callback()}}},
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


def _status() -> Schema:
    return {
        "operationId": "getProcess",
        "tags": ["Processes"],
        "summary": "Get the status of a process",
        "description": "Returns the status of a process and of each of its jobs. With `wait` the "
        "answer waits until the process has ended, or for so many seconds.",
        "parameters": [
            PROCESS_ID,
            WAIT,
            parameter("X-Request-Id"),
        ],
        "responses": {
            "200": answer("The status of the process.", ref("ProcessStatus"), examples.STATUSES),
            **error_responses(_wait_errors(), *access_errors(), NotFound("Process not found")),
        },
    }


def _wait_errors() -> list[Problem]:
    return [_invalid(f"wait: expected seconds from 0 to {LONGEST_WAIT}, got '90'", "wait")]


def _cancel() -> Schema:
    return {
        "operationId": "cancelProcess",
        "tags": ["Processes"],
        "summary": "Cancel a process",
        "description": "Ends a queued process at once: its jobs fail with `cancelled`. A running "
        "process is stopped within seconds; until then its status has `cancelling`. What is stored "
        "stays. A process that has ended is left as it is, so the call may be repeated.",
        "parameters": [PROCESS_ID, parameter("X-Request-Id")],
        "responses": {
            "200": answer("The status of the process.", ref("ProcessStatus"), examples.CANCELLED),
            **error_responses([], *access_errors(), NotFound("Process not found")),
        },
    }


def _list() -> Schema:
    return {
        "operationId": "listProcesses",
        "tags": ["Processes"],
        "summary": "List processes",
        "description": "Lists the processes of your service, the newest first. As long as there "
        "are more, the answer has a `next_cursor`.",
        "parameters": [*FILTERS, parameter("X-Request-Id")],
        "responses": {
            "200": answer("A page of processes.", ref("ProcessList"), {"a page": LISTED}),
            **error_responses(
                [_invalid(f"limit: expected 1 to {MAX_LIMIT}, got '1000'", "limit")],
                *access_errors(),
            ),
        },
    }


def _create_many(settings: Settings) -> Schema:
    requests: Schema = {
        "type": "array", "items": ref("CreateProcess"), "minItems": 1,
        "maxItems": settings.max_requests,
    }  # fmt: skip
    first, second = examples.CREATES.values()
    return {
        "operationId": "createProcesses",
        "tags": ["Processes"],
        "summary": "Create many processes",
        "description": f"Takes an array of at most {settings.max_requests} bodies of `POST "
        "/request` and records all that are valid in one transaction. The answer has one entry "
        "for each, in the order of the request; it is 200 even if the status of some entries is "
        "not. An `Idempotency-Key` is that of the whole array.",
        "parameters": [parameter(name) for name in REQUEST_HEADERS],
        "requestBody": body(requests, {"two requests": [first, second]}),
        "responses": {
            "200": answer(
                "The result for each request; those with status 200 are recorded.",
                {"type": "array", "items": ref("CreateResult")},
                {"one of each": RESULTS},
                headers=["Idempotent-Replayed"],
            ),
            **error_responses(
                [
                    _invalid("expected at least one request, got none"),
                    _invalid(
                        f"expected at most {settings.max_requests} requests, got 2000",
                        code="limit_exceeded",
                    ),
                ],
                *access_errors(),
                IdempotencyInFlight("The first request with this key is not answered yet"),
                *body_errors(settings),
                IdempotencyMismatch("This Idempotency-Key was used with another body"),
            ),
        },
    }


def _redeliver() -> Schema:
    finished = examples.STATUSES["finished"]
    pending = msgspec.structs.replace(
        finished.callbacks[0],
        status="PENDING",
        tries=0,
        next_try_at="2024-01-02 08:00:00",
        next_try_at_rfc3339="2024-01-02T08:00:00.000Z",
    )
    return {
        "operationId": "redeliverCallback",
        "tags": ["Processes"],
        "summary": "Send a callback again",
        "description": "Sends a callback again at once, with the same `webhook-id` and body. One "
        "that was delivered or has failed has all its tries again; one that is still tried keeps "
        "its count.",
        "parameters": [
            PROCESS_ID,
            path_parameter("callback_id", "The id in the `callbacks` of a status.", pending.id),
            parameter("X-Request-Id"),
        ],
        "responses": {
            "200": answer("It is sent again.", ref("CallbackStatus"), {"sent again": pending}),
            **error_responses([], *access_errors(), NotFound("Callback not found")),
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
                ForeignService(1, 2),
                *body_errors(settings),
            ),
        },
    }


def _invalid(message: str, path: str = "", code: str = InvalidRequest.code) -> Problem:
    return Problem(message=message, code=code, path=path)
