"""The parts that the document's operations share: headers, bodies, refusals."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from service.api.openapi.examples import problem
from service.api.openapi.schemas import REF, Schema
from service.errors import DarkroomError, http_status
from service.http import Problem

JSON = "application/json"

UNEXPECTED = Problem(message="Unexpected error on our end", code="internal")

WHY = {
    400: "The body is not JSON, or a field of it is missing, unknown or wrong. `path` names it.",
    401: "No token, or one that no service holds.",
    403: "The token is valid, but `service_id` is another service's, or the service is disabled.",
    404: "There is no such thing, or it is another service's.",
    408: "The body did not arrive in time.",
    409: "The first request with this `Idempotency-Key` is still under way. Ask again.",
    413: "The body is larger than the limit.",
    415: "The body is compressed.",
    422: "The `Idempotency-Key` was used before, with another body; or a picture or its storage "
    "is such that every job would fail.",
    429: "More requests than the service's quota.",
    500: "An error on our side.",
    503: "The service cannot answer now. Ask again.",
}


def _header(description: str, kind: str = "string", **more: Any) -> Schema:
    return {"description": description, "schema": {"type": kind, **more}}


HEADERS = {
    "X-Request-Id": _header("The request's own `X-Request-Id`, or one that was made up."),
    "Idempotent-Replayed": _header(
        "`true` when an earlier request with the same key made the process.", const="true"
    ),
    "Retry-After": _header("Seconds to wait before the next request.", "integer", minimum=1),
    "WWW-Authenticate": _header("The scheme to use.", const="Bearer"),
    "Vary": _header("The answer depends on this header of the request.", const="Accept"),
    "ETag": _header("Changes when the document does."),
}

SENT_WITH = {
    "Idempotency-Key": {
        **_header("Makes a request safe to repeat.", minLength=1, maxLength=255),
        "example": "order-1042-pictures",
    },
    "X-Request-Id": _header(
        "A name for the request, given back in the answer and written in the logs. Any other "
        "value is replaced.",
        pattern="^[A-Za-z0-9_.:-]{1,128}$",
    ),
    "traceparent": {
        **_header("W3C trace context. It follows the process to its callback."),
        "example": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
}
SIGNED_WITH = {
    "webhook-id": _header("The event's id, the same on every try."),
    "webhook-timestamp": _header("When this try was sent, in Unix seconds."),
    "webhook-signature": _header(
        "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`; one for each active secret, "
        "separated by spaces."
    ),
}
PARAMETERS = {
    name: {"name": name, "in": "header", "required": name in SIGNED_WITH, **said}
    for name, said in {**SENT_WITH, **SIGNED_WITH}.items()
}


def parameter(name: str) -> Schema:
    """Refer to a header that is sent with a request."""
    return {"$ref": f"#/components/parameters/{name}"}


def ref(name: str) -> Schema:
    """Refer to a type."""
    return {"$ref": REF.format(name=name)}


def body(name: str, examples: Mapping[str, Any]) -> Schema:
    """Describe a request's body, of a type and with examples."""
    return {"required": True, "content": {JSON: _content(ref(name), examples)}}


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


def refusals(invalid: Iterable[Problem], *errors: DarkroomError, unexpected: bool = True) -> Schema:
    """Describe every error that an operation can answer, by its status."""
    found: dict[int, list[Problem]] = {400: list(invalid)}
    for error in errors:
        found.setdefault(http_status(error), []).append(problem(error))
    if unexpected:
        found[500] = [UNEXPECTED]
    return {
        str(status): _refusal(status, found[status]) for status in sorted(found) if found[status]
    }


def _refusal(status: int, problems: Iterable[Problem]) -> Schema:
    wait = ["Retry-After"]
    headers = {401: ["WWW-Authenticate"], 429: wait, 503: wait}.get(status, [])
    seen: Counter[str] = Counter()
    named = {}
    for words in problems:
        seen[words.code] += 1
        count = seen[words.code]
        named[words.code if count == 1 else f"{words.code} {count}"] = words
    return answer(WHY[status], ref("Problem"), named, headers)


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(schema: Schema, examples: Mapping[str, Any]) -> Schema:
    shown = {name: {"value": msgspec.to_builtins(value)} for name, value in examples.items()}
    return {"schema": schema, "examples": shown} if shown else {"schema": schema}
