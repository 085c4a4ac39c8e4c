"""Ids and secrets that Darkroom generates."""

import base64
import hashlib
import re
import secrets

PROCESS_ID_LENGTH = 21  # 126 random bits
PROCESS_ID = re.compile(rf"[A-Za-z0-9_-]{{{PROCESS_ID_LENGTH}}}")


def new_process_id() -> str:
    """A 21-character URL-safe nanoid."""
    return secrets.token_urlsafe(16)[:PROCESS_ID_LENGTH]


def trace_id(traceparent: str | None) -> str | None:
    """The id of the trace that a valid W3C trace context belongs to."""
    return traceparent[3:35] if traceparent else None


def is_process_id(text: str) -> bool:
    """Whether this has the form of an id; Postgres need not be asked about anything else."""
    return PROCESS_ID.fullmatch(text) is not None


def new_token() -> str:
    """A bearer token of 256 random bits; the prefix lets scanners find leaked ones."""
    return "drk_" + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """All that is stored of a token: its SHA-256. 256 random bits need no salt."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def new_webhook_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_delivery_id() -> str:
    """The id that a receiver gets as ``webhook-id`` on every try of one event."""
    return "msg_" + new_process_id()
