"""Parts that operations of the document share: headers, bodies, errors."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from engine.schema import KINDS
from service.api.openapi.examples import problem
from service.api.openapi.schemas import Schema, ref
from service.errors import (
    BodyTooLarge,
    DarkroomError,
    Forbidden,
    HttpError,
    RateLimited,
    RequestTimeout,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
    http_status,
)
from service.http import Problem
from service.settings import Settings

JSON = "application/json"

UNEXPECTED = Problem(message="Unexpected error on our end", code="internal")

STATUS_DESCRIPTIONS = {
    400: "The body is not JSON, or a field is missing, unknown or invalid; `path` names it.",
    401: "The token is missing or unknown.",
    403: "The token is valid, but belongs to another service than `service_id`, or to one that is "
    "disabled.",
    404: "It does not exist, or belongs to another service.",
    408: "The body did not arrive in time.",
    409: "The first request with this `Idempotency-Key` is still in progress. Send it again later.",
    413: "The body is larger than the limit.",
    415: "The body is compressed.",
    422: "The `Idempotency-Key` was used with another body; or the source or the storage is such "
    "that every job would fail.",
    429: "The service is rate-limited: it has used up its quota.",
    500: "An error of the server.",
    503: "The service is temporarily unavailable. Send the request again.",
}


def _header(description: str, kind: str = "string", **more: Any) -> Schema:
    return {"description": description, "schema": {"type": kind, **more}}


HEADERS = {
    "X-Request-Id": _header("The `X-Request-Id` of the request, or a generated one."),
    "Idempotent-Replayed": _header(
        "`true` when an earlier request with the same key created the process.", const="true"
    ),
    "Retry-After": _header("Seconds to wait before the next request.", "integer", minimum=1),
    "RateLimit": _header('`"jobs";r=536;t=7`: jobs left, seconds until the quota is full.'),
    "RateLimit-Policy": _header('`"jobs";q=600;w=60`: jobs, and the period in seconds.'),
    "WWW-Authenticate": _header("The authentication scheme.", const="Bearer"),
    "Vary": _header("The answer depends on this header of the request.", const="Accept"),
    "ETag": _header("Changes when the document does."),
}

REQUEST_HEADERS = {
    "Idempotency-Key": {
        **_header("Makes a request safe to repeat.", minLength=1, maxLength=255),
        "example": "order-1042",
    },
    "X-Request-Id": _header(
        "An id for the request, which is returned in the answer and logged. A value that does not "
        "match the pattern is replaced by a generated one.",
        pattern="^[A-Za-z0-9_.:-]{1,128}$",
    ),
    "traceparent": {
        **_header("W3C trace context. It is passed on to the callback."),
        "example": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
}
SIGNATURE_HEADERS = {
    "webhook-id": _header("The id of the event, the same on every try."),
    "webhook-timestamp": _header("When this try was sent, in Unix seconds."),
    "webhook-signature": _header(
        "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`; one for each active secret, "
        "separated by spaces."
    ),
}
PARAMETERS = {
    name: {"name": name, "in": "header", "required": name in SIGNATURE_HEADERS, **header}
    for name, header in {**REQUEST_HEADERS, **SIGNATURE_HEADERS}.items()
}


def parameter(name: str) -> Schema:
    """Refer to a header of a request."""
    return {"$ref": f"#/components/parameters/{name}"}


def path_parameter(
    name: str, description: str, example: str, schema: Schema | None = None
) -> Schema:
    """Describe a part of a route's path, a string by default."""
    return {
        "name": name, "in": "path", "required": True, "description": description,
        "schema": schema or {"type": "string"}, "example": example,
    }  # fmt: skip


def query_parameter(
    name: str, description: str, schema: Schema, example: Any, **more: Any
) -> Schema:
    """Describe a parameter after the `?`, which may be left out."""
    return {
        "name": name, "in": "query", "description": description, "schema": schema,
        "example": example, **more,
    }  # fmt: skip


def body(schema: str | Schema, examples: Mapping[str, Any]) -> Schema:
    """Describe a request's body, of a type or as a schema, with examples."""
    described = ref(schema) if isinstance(schema, str) else schema
    return {"required": True, "content": {JSON: _content(described, examples)}}


def answer(
    description: str,
    schema: Schema,
    examples: Mapping[str, Any] | None = None,
    headers: Iterable[str] = (),
) -> Schema:
    """Describe an answer in JSON."""
    return {
        "description": description,
        "headers": _headers("X-Request-Id", *headers),
        "content": {JSON: _content(schema, examples or {})},
    }


def text(description: str, kind: str) -> Schema:
    """Describe an answer that is not JSON."""
    return {
        "description": description,
        "headers": _headers("X-Request-Id"),
        "content": {kind: {"schema": {"type": "string"}}},
    }


def image(description: str) -> Schema:
    """Describe an answer that is an image, in any format that is written.

    Generators that know no media type of images give the bytes of what they know last.
    """
    bytes_of_any = {"type": "string", "format": "binary"}
    return {
        "description": description,
        "headers": _headers("X-Request-Id"),
        "content": {
            **{f"image/{kind}": {"schema": bytes_of_any} for kind in KINDS},
            "application/octet-stream": {"schema": bytes_of_any},
        },
    }


def error_responses(
    invalid: Iterable[Problem], *errors: DarkroomError, unexpected: bool = True
) -> Schema:
    """Describe every error that an operation can answer, by its status."""
    found: dict[int, list[Problem]] = {400: list(invalid)}
    for error in errors:
        found.setdefault(http_status(error), []).append(problem(error))
    if unexpected:
        found[500] = [UNEXPECTED]
    return {
        str(status): _error_response(status, problems)
        for status, problems in sorted(found.items())
        if problems
    }


def access_errors() -> list[HttpError]:
    """Give the errors of every route that needs a token."""
    return [
        Unauthorized(),
        Forbidden("This service is disabled"),
        RateLimited(retry_after=2),
        Unavailable("The service's database is unavailable; try again"),
    ]


def body_errors(settings: Settings) -> list[HttpError]:
    """Give the errors of every route that takes a body."""
    return [
        RequestTimeout(f"The body did not arrive within {settings.body_seconds:g} s"),
        BodyTooLarge(f"Request body is over the limit of {settings.max_body_bytes} bytes"),
        UnsupportedMedia("Compressed bodies are not accepted"),
    ]


def _error_response(status: int, problems: Iterable[Problem]) -> Schema:
    wait = ["Retry-After"]
    quota = [*wait, "RateLimit", "RateLimit-Policy"]
    headers = {401: ["WWW-Authenticate"], 429: quota, 503: wait}.get(status, [])
    seen: Counter[str] = Counter()
    named = {}
    for each in problems:
        seen[each.code] += 1
        count = seen[each.code]
        named[each.code if count == 1 else f"{each.code} {count}"] = each
    return answer(STATUS_DESCRIPTIONS[status], ref("Problem"), named, headers)


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(schema: Schema, examples: Mapping[str, Any]) -> Schema:
    written = {name: msgspec.json.encode(value) for name, value in examples.items()}
    shown = {name: {"value": msgspec.json.decode(value)} for name, value in written.items()}
    return {"schema": schema, "examples": shown} if shown else {"schema": schema}
