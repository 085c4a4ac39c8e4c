"""The environment, read once and frozen; nothing else in the service reads it.

Every setting is a field: its variable is ``DARKROOM_`` and the name in capitals, its default
and its meaning stand beside it. All mistakes are reported at once.
"""

import difflib
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct

from engine.limits import DEFAULT_LIMITS
from engine.schema import Mode
from service import failpoints

PREFIX = "DARKROOM_"

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Size = Annotated[int, Meta(ge=1, le=2**53)]
Seconds = Annotated[float, Meta(gt=0, le=366 * 86_400)]
PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"


FAILPOINT = "^(" + "|".join(map(re.escape, failpoints.ALL)) + ")?$"


class SettingsError(Exception):
    """Some settings cannot be used; the message has a line for each."""


def _doc(text: str) -> Meta:
    return Meta(description=text)


class Settings(Struct, frozen=True, kw_only=True):
    """All that an operator can turn."""

    database_url: Annotated[str, _doc("Postgres, the truth: postgresql://user:pw@host/name")]
    redis_url: Annotated[str, _doc("Redis or Valkey, the dispatch layer: redis:// or unix://")]

    host: Annotated[str, _doc("Address the API listens on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), _doc("Port of the API; 0 picks a free one")] = 8080
    metrics_host: Annotated[str, _doc("Address of a worker's probes and metrics")] = "127.0.0.1"
    metrics_port: Annotated[
        int, Meta(ge=0, le=65535), _doc("Port of a worker's probes and metrics; 0 picks one")
    ] = 9100
    log_format: Annotated[str, Meta(pattern="^(json|console)$"), _doc("json or console")] = "json"
    log_level: Annotated[
        str, Meta(pattern="^(debug|info|warning|error)$"), _doc("Least level that is logged")
    ] = "info"

    max_body_bytes: Annotated[Size, _doc("Largest request body")] = 1024 * 1024
    max_json_depth: Annotated[Count, _doc("Deepest nesting of a request body")] = 32
    max_jobs: Annotated[int, Meta(ge=1, le=10_000), _doc("Most jobs of a request")] = 64
    max_transformations: Annotated[Count, _doc("Most transformations of a job")] = 64
    max_retry_ids: Annotated[Count, _doc("Most process ids of one POST /retry")] = 1000
    body_seconds: Annotated[Seconds, _doc("Seconds a request's body may take to arrive")] = 30.0
    idle_seconds: Annotated[
        Seconds,
        _doc("Seconds after which a connection without a whole request is closed"),
    ] = 75.0
    response_seconds: Annotated[
        Seconds, _doc("Seconds a client may take to read an answer before it is broken off")
    ] = 30.0
    idempotency_hours: Annotated[Count, _doc("How long an Idempotency-Key is remembered")] = 24
    retention_days: Annotated[
        int, Meta(ge=0), _doc("Days after which ended processes are forgotten; 0 keeps them")
    ] = 30
    database_seconds: Annotated[Seconds, _doc("Seconds Postgres may take for one statement")] = 5.0
    token_cache_seconds: Annotated[
        Seconds, _doc("How long a token's service is remembered; a revoked token lives on so long")
    ] = 5.0
    database_pool: Annotated[Count, _doc("Most connections to Postgres of one process")] = 10
    drain_seconds: Annotated[Seconds, _doc("Seconds that running work may take after SIGTERM")] = (
        25.0
    )

    max_source_bytes: Annotated[Size, _doc("Largest source file")] = DEFAULT_LIMITS.max_source_bytes
    max_source_pixels: Annotated[Size, _doc("Most pixels of a source, all frames together")] = (
        DEFAULT_LIMITS.max_source_pixels
    )
    max_tiff_fields: Annotated[Count, _doc("Most fields of a TIFF's directory")] = (
        DEFAULT_LIMITS.max_tiff_fields
    )
    max_tiff_strips: Annotated[Count, _doc("Most strips or tiles of a TIFF")] = (
        DEFAULT_LIMITS.max_tiff_strips
    )
    max_output_pixels: Annotated[
        Size, _doc("Most pixels of a result or of any step, all frames together")
    ] = DEFAULT_LIMITS.max_output_pixels
    max_output_side: Annotated[Size, _doc("Longest side of a result or of any step")] = (
        DEFAULT_LIMITS.max_output_side
    )
    max_watermark_pixels: Annotated[Size, _doc("Most pixels of a watermark's file")] = (
        DEFAULT_LIMITS.max_watermark_pixels
    )
    max_text_length: Annotated[Size, _doc("Most characters of an annotation")] = (
        DEFAULT_LIMITS.max_text_length
    )
    max_text_size: Annotated[
        int, Meta(ge=1, le=16_000), _doc("Largest letters of an annotation, in pixels an em")
    ] = DEFAULT_LIMITS.max_text_size
    max_text_pixels: Annotated[Size, _doc("Largest box that an annotation's text may fill")] = (
        DEFAULT_LIMITS.max_text_pixels
    )
    max_output_bytes: Annotated[Size, _doc("Largest output file")] = 512 * 1024**2
    max_held_bytes: Annotated[Size, _doc("Most pixels kept in memory for jobs that share them")] = (
        DEFAULT_LIMITS.max_held_bytes
    )
    max_memory_bytes: Annotated[
        Size, _doc("Most memory that a job may take for certain; below child_memory_bytes")
    ] = DEFAULT_LIMITS.max_memory_bytes
    mode: Annotated[Mode, _doc("exact or balanced, for jobs that name no mode")] = (
        DEFAULT_LIMITS.mode
    )
    allow_svg: Annotated[
        bool, _doc("Whether SVG is read; scripts and links in it are never followed")
    ] = DEFAULT_LIMITS.allow_svg
    fonts: Annotated[str, _doc("Folder of fonts for text, beside those that are shipped")] = ""
    max_inputs: Annotated[Count, _doc("Most different watermark files of a request")] = 64

    explain_slots: Annotated[
        Count, _doc("Children of the API that read headers for POST /explain")
    ] = 2
    explain_requests: Annotated[
        Count, _doc("Most explanations under way at once in one API; further ones are answered 503")
    ] = 16
    explain_seconds: Annotated[Seconds, _doc("Seconds an explanation may take")] = 10.0
    max_explain_bytes: Annotated[
        Size, _doc("Most bytes that one POST /explain reads, of all its pictures together")
    ] = 16 * 1024**2

    slots: Annotated[int, Meta(ge=0), _doc("Rendering children; 0 means one per core")] = 0
    render_seconds: Annotated[
        Seconds, _doc("Seconds a request may render for each of its jobs")
    ] = 60.0
    child_memory_bytes: Annotated[Size, _doc("Memory one rendering child may use")] = 2 * 1024**3
    child_resident_bytes: Annotated[
        Size, _doc("Memory kept between works after which a child is replaced")
    ] = 512 * 1024**2
    child_works: Annotated[Count, _doc("Works after which a child is replaced")] = 1000
    max_crashes: Annotated[Count, _doc("Crashes after which work is quarantined")] = 3
    max_lost_runs: Annotated[
        Count, _doc("Workers a process may lose, by death or stall, before it is quarantined")
    ] = 10
    max_errors: Annotated[int, Meta(ge=0), _doc("Tries after errors that may pass")] = 5
    lease_seconds: Annotated[Seconds, _doc("How long a silent worker keeps its processes")] = 30.0
    poll_seconds: Annotated[Seconds, _doc("How often Redis is asked when nothing wakes us")] = 0.1
    reconcile_seconds: Annotated[Seconds, _doc("How often Postgres is asked for lost work")] = 1.0
    dispatch_grace_seconds: Annotated[
        Seconds, _doc("How long a new process may stay undispatched before it counts as lost")
    ] = 5.0
    redispatch_seconds: Annotated[
        Seconds, _doc("How often a process that still waits is dispatched again")
    ] = 30.0

    storage_connect_seconds: Annotated[Seconds, _doc("Seconds to connect to S3")] = 5.0
    storage_read_seconds: Annotated[Seconds, _doc("Seconds S3 may be silent")] = 30.0
    storage_total_seconds: Annotated[
        Seconds, _doc("Seconds for a whole fetch from or publish to S3, with its tries")
    ] = 120.0
    storage_connections: Annotated[Count, _doc("Most connections to one S3")] = 64

    failpoint: Annotated[
        str, Meta(pattern=FAILPOINT), _doc("For tests: the place where a process kills itself")
    ] = ""

    callback_seconds: Annotated[Seconds, _doc("Seconds a callback's receiver may take")] = 15.0
    callback_response_bytes: Annotated[
        Size, _doc("Bytes that are read of a receiver's answer; its body is never read")
    ] = 16 * 1024
    callback_interim_responses: Annotated[
        int, Meta(ge=0), _doc("Most interim (1xx) responses before a receiver's answer")
    ] = 8
    callback_concurrency: Annotated[Count, _doc("Callbacks under way at once in a worker")] = 50
    callback_service_concurrency: Annotated[
        Count, _doc("Callbacks of one service under way at once in a worker")
    ] = 16
    callback_receiver_concurrency: Annotated[
        Count, _doc("Callbacks of one service to one receiver under way at once in a worker")
    ] = 8
    callback_waiting: Annotated[
        Count, _doc("Callbacks of one service that wait in a worker; further ones are put off")
    ] = 50
    callback_breaker_failures: Annotated[
        Count, _doc("Callbacks in a row without an answer after which a receiver is left alone")
    ] = 5
    callback_breaker_seconds: Annotated[
        Seconds, _doc("How long it is left alone at first; doubled with each further failure")
    ] = 15.0
    callback_breaker_max_seconds: Annotated[
        Seconds, _doc("Longest time for which a receiver is left alone between two tries")
    ] = 900.0
    callback_hours: Annotated[
        Count, _doc("Hours after which a callback that nobody takes is given up")
    ] = 96
    callback_database_pool: Annotated[
        Count, _doc("Most connections to Postgres for the callbacks of a worker")
    ] = 4
    callback_private_networks: Annotated[
        bool, _doc("Whether callbacks may go to private and loopback addresses")
    ] = False
    callback_ports: Annotated[
        str, Meta(pattern=rf"^(\*|{PORT}(,{PORT})*)$"), _doc("Ports that callbacks may go to, or *")
    ] = "80,443"


def variable(field: str) -> str:
    """Name the environment variable of a field."""
    return PREFIX + field.upper()


def setting_of(limit: str) -> str:
    """Name the field that sets a limit; `other` if there is none, for a child may say anything."""
    name = limit.removeprefix(PREFIX).lower()
    return name if name in Settings.__struct_fields__ else "other"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the environment; raises SettingsError with every mistake at once."""
    environ = os.environ if environ is None else environ
    fields = {variable(f.name): f for f in msgspec.structs.fields(Settings)}
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, Any] = {}
    wrong = [
        f"{name}: no such setting{_nearest(name, list(fields))}"
        for name in _strangers(environ, set(fields))
    ]
    for name, field in fields.items():
        if name not in environ:
            if field.required:
                wrong.append(f"{name}: expected a value, got nothing")
            continue
        try:
            values[field.name] = msgspec.convert(environ[name], hints[field.name], strict=False)
        except msgspec.ValidationError as error:
            words = (str(error)[0].lower() + str(error)[1:]).removesuffix(", got `str`")
            wrong.append(f"{name}: {words}, got {environ[name]!r}")
    if wrong:
        raise SettingsError("\n".join(wrong))
    return Settings(**values)


def as_environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Spell settings as the variables that `read_settings` reads back."""
    spelt = {True: "true", False: "false"}
    return {
        variable(name): spelt[value] if isinstance(value, bool) else str(value)
        for name, value in settings.items()
    }


def _strangers(environ: Mapping[str, str], known: set[str]) -> list[str]:
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"; did you mean {close[0]}?" if close else ""


def describe_settings() -> str:
    """List every setting: its variable, its default, its meaning."""
    lines = []
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        default = (
            "required"
            if field.required
            else str(as_environment({field.name: field.default})[variable(field.name)])
        )
        lines.append(f"{variable(field.name):<36} {default:<12} {_meaning(hints[field.name])}")
    return "\n".join(lines)


def _meaning(hint: Any) -> str:
    metas = getattr(hint, "__metadata__", ())
    return next((meta.description for meta in metas if meta.description), "")
