"""The headers of requests that are safe to repeat: the key that is read, and how it is answered."""

from aiohttp import web

from service.errors import InvalidRequest
from service.http import json_response

LONGEST_KEY = 255  # characters


def read_key(request: web.Request) -> str | None:
    """Return the Idempotency-Key of a request, or None without one; raises InvalidRequest."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise InvalidRequest(
            f"Idempotency-Key: expected 1 to {LONGEST_KEY} printable characters, got {len(key)}"
        )
    return key


def created_response(content: object, *, replayed: bool) -> web.Response:
    """Answer with what was created, and tell if an earlier request with the key created it."""
    response = json_response(content)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
