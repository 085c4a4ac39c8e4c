"""Structured logs on standard error, without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRETS = re.compile(
    r"""(drk_|whsec_)[A-Za-z0-9_+/=-]{8,}        # our own tokens and signing secrets
      | (?<=://)[^/\s:@]*:[^/\s@]+(?=@)          # user and password of a URL
      | (?i:bearer\s+)\S+
      | (?i:[?&](?:x-amz-signature|signature|x-amz-credential|token|password)=)[^&\s]+""",
    re.VERBOSE,
)
HIDDEN = "[hidden]"

Event = MutableMapping[str, Any]


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Hide what looks like a secret in every value of a log line."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = SECRETS.sub(HIDDEN, value)
    return event


def configure_logs(form: str, level: str) -> None:
    """Write JSON lines, or lines for people when `form` is ``console``."""
    last: Any = structlog.processors.JSONRenderer()
    if form == "console":
        last = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("arq").setLevel(logging.ERROR)
