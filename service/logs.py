"""Structured logs on standard error, without secrets."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from structlog.typing import Processor

from service.outages import POSTGRES, outages

NAMES = r"""(?i:secret(?:_key)?|access_key|password|passwd|api_?key|token|sig|signature
      | x-amz-(?:signature|credential|security-token))"""
SECRETS = re.compile(
    rf"""(?:drk_|whsec_)[A-Za-z0-9_+/=-]{{8,}}        # tokens and signing secrets of Darkroom
      | (?P<kept>(?i:\bbearer\s+)) \S+
      | (?P<name>(?<![\w-]){NAMES}["']?\s*[=:]\s*["']?)[^\s&"',;}}]+""",
    re.VERBOSE,
)
SECRET_NAME = re.compile(NAMES, re.VERBOSE)
URL_REST = re.compile(r"""(?<=://)[^\s"']+""")
URL_USER = re.compile(r"""[^/:@]*:(?!\d{1,5}(?:[/?#,)\]}]|$))""")  # unless a port follows
HIDDEN = "[hidden]"
PLAIN = re.compile(r"[\w./{}-]*", re.ASCII)  # has no place for a secret but those with a prefix
OURS = {"timestamp", "level"}  # whose values nobody else writes
NUMBERS = {int, float, bool, type(None)}

_encoder = msgspec.json.Encoder(enc_hook=repr)

Event = MutableMapping[str, Any]


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Hide what looks like a secret in every value of a log line, at any depth."""
    for name, value in event.items():
        kind = type(value)
        if kind in NUMBERS or name in OURS or (kind is str and value.isalnum()):
            continue
        event[name] = _hide_secrets(value) if kind is str else _redacted(value)
    return event


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return _hide_secrets(value)
        case Mapping():
            return {
                name: HIDDEN if SECRET_NAME.fullmatch(str(name)) else _redacted(item)
                for name, item in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_redacted(item) for item in value]
        case None | bool() | int() | float():
            return value
    shown = repr(value)
    hidden = _hide_secrets(shown)
    return value if hidden == shown else hidden


def _hide_secrets(text: str) -> str:
    """Hide them in two passes over the text, however long it is."""
    if text.isalnum() or (PLAIN.fullmatch(text) and "drk_" not in text and "whsec_" not in text):
        return text
    return SECRETS.sub(_hide, URL_REST.sub(_hide_user, text))


def _hide_user(found: re.Match[str]) -> str:
    """Hide user and password of a URL: they go on to the last @ before a space or a quote."""
    rest = found[0]
    start, end = 0, rest.rfind("@")
    while start < end:
        user = URL_USER.match(rest, start)
        if user and user.end() < end:
            return rest[:start] + HIDDEN + rest[end:]
        after = rest.find("://", start)
        start = end if after < 0 else after + 3
    return rest


def _hide(found: re.Match[str]) -> str:
    return (found["kept"] or found["name"] or "") + HIDDEN


class Stamp:
    """Adds the time to a log line, as ISO 8601 in UTC; formats each second once."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known = (0, "1970-01-01T00:00:00")  # one value: threads write lines too

    def __call__(self, _logger: Any, _method: str, event: Event) -> Event:
        """Add it."""
        second, part = divmod(int(self._clock() * 1_000_000), 1_000_000)
        known, text = self._known
        if second != known:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._known = second, text
        event["timestamp"] = f"{text}.{part:06d}Z"
        return event


def _to_json(_logger: Any, _method: str, event: Event) -> bytes:
    try:
        return _encoder.encode(event)
    except (TypeError, ValueError):  # a lone surrogate, say
        return json.dumps(event, default=repr).encode()


def _to_json_text(logger: Any, method: str, event: Event) -> str:
    return _to_json(logger, method, event).decode()


def _logger_from(level: int) -> Any:
    """Make the class of loggers: none raises, for a full disk must not break what is told of.

    It does what structlog's does for processors of which the last gives the line.
    """
    filtering: Any = structlog.make_filtering_bound_logger(level)

    class Logger(filtering):  # type: ignore[misc]
        def _proxy_to_logger(self, kind: str, event: str | None = None, /, **told: Any) -> None:
            line: Any = {**self._context, **told, "event": event}
            with suppress(Exception, structlog.DropEvent):
                for process in self._processors:
                    line = process(self._logger, kind, line)
                getattr(self._logger, kind)(line)

    return Logger


def _tell_outage(record: logging.LogRecord) -> bool:
    """Have an outage that asyncpg's pool meets told once, not at each of its tries."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return True
    outages.failed(POSTGRES, error)
    return False


def configure_logs(form: str, level: str) -> None:
    """Write JSON lines, or readable lines when `form` is ``console``.

    Logs of libraries are written in the same way, from warnings upwards.
    """
    last: Any = _to_json
    last_of_libraries: Any = _to_json_text
    factory: Any = structlog.BytesLoggerFactory(sys.stderr.buffer)
    if form == "console":
        last = last_of_libraries = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        factory = structlog.WriteLoggerFactory(sys.stderr)
    first: list[Processor] = [
        structlog.processors.add_log_level,
        Stamp(),
    ]
    then: list[Processor] = [structlog.processors.format_exc_info, redact]
    structlog.configure(
        processors=[*first, *then, last],
        wrapper_class=_logger_from(logging.getLevelName(level.upper())),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*first, structlog.stdlib.add_logger_name],
            processors=[remove_meta, *then, last_of_libraries],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("arq").setLevel(logging.ERROR)
    logging.getLogger("asyncpg.pool").addFilter(_tell_outage)
