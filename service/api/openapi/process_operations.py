"""The operations that list, create in bulk, and cancel processes."""

from typing import Any, get_args

import msgspec

from engine.errors import InvalidRequest
from service.api.openapi import examples
from service.api.openapi.parts import (
    REQUEST_HEADERS,
    access_errors,
    answer,
    body,
    body_errors,
    error_responses,
    parameter,
    ref,
)
from service.api.openapi.schemas import Schema
from service.api.processes import DEFAULT_LIMIT, LONGEST_WAIT, MAX_LIMIT
from service.errors import IdempotencyInFlight, IdempotencyMismatch, NotFound
from service.http import CreateResult, JobCounts, Problem, ProcessList, ProcessSummary
from service.settings import Settings
from service.store import Status

CURSOR = "MTcwNDA5NjAwMDAwMDAwMDpGY2xfYjZwc3JpTGk3bEJZQXNoaHA"


def _path(name: str, description: str, example: str) -> Schema:
    return {
        "name": name, "in": "path", "required": True, "description": description,
        "schema": {"type": "string"}, "example": example,
    }  # fmt: skip


def _query(name: str, description: str, schema: Schema, example: Any, **more: Any) -> Schema:
    return {
        "name": name, "in": "query", "description": description, "schema": schema,
        "example": example, **more,
    }  # fmt: skip


PROCESS_ID = _path(
    "process_id", "The id that `POST /request` returned.", examples.CREATED.process_id
)
WAIT = _query(
    "wait",
    "How many seconds the answer may wait for the end of the process.",
    {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
    LONGEST_WAIT,
)
TIME: Schema = {"type": "string", "format": "date-time"}
FILTERS = [
    _query(
        "status",
        "Only processes in one of these states.",
        {"type": "array", "items": {"type": "string", "enum": list(get_args(Status))}},
        ["FAILED"],
        style="form",
        explode=False,
    ),
    _query(
        "created_after",
        "Only processes that were created then or later.",
        TIME,
        "2024-01-01T08:00:00Z",
    ),
    _query(
        "created_before", "Only processes that were created earlier.", TIME, "2024-02-01T00:00:00Z"
    ),
    _query(
        "limit",
        "How many processes to list at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        DEFAULT_LIMIT,
    ),
    _query(
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


def _invalid(message: str, path: str = "", code: str = InvalidRequest.code) -> Problem:
    return Problem(message=message, code=code, path=path)


def wait_errors() -> list[Problem]:
    """Return what is answered to an invalid `wait`."""
    return [_invalid(f"wait: expected seconds from 0 to {LONGEST_WAIT}, got '90'", "wait")]


def list_processes() -> Schema:
    """Describe `GET /requests`."""
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


def create_many(settings: Settings) -> Schema:
    """Describe `POST /requests`."""
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


def redeliver() -> Schema:
    """Describe the route that sends a callback again."""
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
            _path("callback_id", "The id in the `callbacks` of a status.", pending.id),
            parameter("X-Request-Id"),
        ],
        "responses": {
            "200": answer("It is sent again.", ref("CallbackStatus"), {"sent again": pending}),
            **error_responses([], *access_errors(), NotFound("Callback not found")),
        },
    }
