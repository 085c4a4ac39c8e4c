"""URLs in requests, and sources, which may be URLs."""

import re
from typing import Any, Self
from urllib.parse import urlsplit

from engine.schema import Key, shown

LONGEST_URL = 2048  # characters
SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,20}://", re.IGNORECASE)


class CallbackUrl(str):
    """Where the final status is POSTed; which hosts are allowed is checked when it is sent."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read an http or https URL with a host and without a user."""
        text = raw if isinstance(raw, str) else ""
        reason = _refusal(text, {"http", "https"})
        if reason is not None:
            raise ValueError(f"expected an http or https URL{reason}, got {shown(raw)}")
        return cls(text)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return _schema("^[hH][tT][tT][pP][sS]?://")


class Source(Key):
    """An image to transform: a key in the storage, or an https URL where the service allows it."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a key, or an https URL with a host and without a user."""
        if not isinstance(raw, str) or not SCHEME.match(raw):
            return super().parse(raw)
        reason = _refusal(raw, {"https"})
        if reason is not None:
            what = f"expected a path in the storage or an https URL{reason}"
            raise ValueError(f"{what}, got {shown(raw)}")
        return cls(raw)

    @property
    def is_url(self) -> bool:
        """Whether it is a URL: no key has two slashes."""
        return "//" in self

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return {
            "description": "a path in your storage, or an https URL of a host that your service "
            "allows",
            "anyOf": [Key.schema(), _schema("^[hH][tT][tT][pP][sS]://")],
        }


def _refusal(text: str, schemes: set[str]) -> str | None:
    """Say what a URL must have or not have that it has not or has; None if it is good."""
    if len(text) > LONGEST_URL:
        return f" of at most {LONGEST_URL:,} characters"
    if any(ord(c) <= 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        return " without spaces or control characters"
    try:
        parts = urlsplit(text)
    except ValueError:
        return " with a host"
    try:
        port = parts.port
    except ValueError:
        port = 0
    checks = {
        "": parts.scheme not in schemes,
        " with a host": not parts.hostname,
        " with a port from 1 to 65,535": port == 0,
        " without user or fragment": "@" in parts.netloc or bool(parts.fragment),
    }
    return next((reason for reason, met in checks.items() if met), None)


def _schema(pattern: str) -> dict[str, Any]:
    return {"type": "string", "format": "uri", "pattern": pattern, "maxLength": LONGEST_URL}
