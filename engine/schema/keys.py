"""Keys: the names of objects in the customer's storage."""

import re
from typing import Any, ClassVar, Self

from engine.schema.scalars import shown

PLAIN_KEY = re.compile(
    r"/?(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}/){0,9}[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}"
)
URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://", re.IGNORECASE)
PERCENT_ENCODED = re.compile(r"%(25)*(2e|2f|5c|00)", re.IGNORECASE)


class Key(str):
    """The name of an object in the customer's storage, without its leading slash.

    Anything that could escape the service's prefix, or be read differently by two storages,
    is rejected: ``..``, ``//``, backslash, control characters, percent-encoded dots.
    `written` is the key as the client wrote it, to be shown to the client again.
    """

    __slots__ = ("written",)
    written: str
    longest: ClassVar[int] = 1024

    def __new__(cls, key: str, written: str | None = None) -> Self:
        """Make a key that is known to be valid."""
        made = super().__new__(cls, key)
        made.written = key if written is None else written
        return made

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a key; one leading ``/`` means the storage's root and is dropped."""
        if not isinstance(raw, str):
            raise ValueError(f"expected a path in the storage, got {shown(raw)}")  # noqa: TRY004
        if not PLAIN_KEY.fullmatch(raw) and (reason := cls._refusal(raw)):
            raise ValueError(f"expected a path inside the storage: {reason}, got {shown(raw)}")
        return cls(raw.removeprefix("/"), raw)

    @classmethod
    def _refusal(cls, raw: str) -> str | None:
        if len(raw.encode(errors="replace")) > cls.longest:
            return f"it is longer than {cls.longest} bytes"
        segments = raw.removeprefix("/").split("/")
        checks = {
            "it is empty": raw.removeprefix("/") == "",
            "it is a URL, not a path": URL.match(raw) is not None,
            "it has a control character": any(ord(c) < 32 or ord(c) == 127 for c in raw),
            "it is not valid Unicode": any(0xD800 <= ord(c) <= 0xDFFF for c in raw),
            "it has a backslash": "\\" in raw,
            "it has a percent-encoded dot or slash": PERCENT_ENCODED.search(raw) is not None,
            "it has an empty segment": not all(map(str.strip, segments)),
            'it has a "." or ".." segment': any(s.strip() in {".", ".."} for s in segments),
            "a segment is longer than 255 bytes": any(
                len(s.encode(errors="replace")) > 255 for s in segments
            ),
        }
        return next((reason for reason, met in checks.items() if met), None)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": cls.longest,
            "pattern": r"^/?[^/\\]+(/[^/\\]+)*$",
            "description": 'a path inside your storage such as "/480x360/1.jpg", without ".." '
            "or percent-encoded dots",
        }
