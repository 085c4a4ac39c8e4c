"""Every setting of an API or worker: a field with its range, its default and its description."""

import re
from typing import Annotated

from msgspec import Meta, Struct

from engine.limits import DEFAULT_LIMITS
from engine.schema import Mode
from service import failpoints

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Size = Annotated[int, Meta(ge=1, le=2**53)]
Seconds = Annotated[float, Meta(gt=0, le=366 * 86_400)]
PostgresSeconds = Annotated[float, Meta(ge=0.001, le=86_400)]  # Postgres counts whole ms
PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
Ports = Annotated[str, Meta(pattern=rf"^(\*|{PORT}(,{PORT})*)$")]
FAILPOINT = "^(" + "|".join(map(re.escape, failpoints.ALL)) + ")?$"


def _doc(text: str) -> Meta:
    return Meta(description=text)


class Settings(Struct, frozen=True, kw_only=True):
    """The settings of an API or worker."""

    database_url: Annotated[
        str, _doc("Postgres, the source of truth: postgresql://user:pw@host/name")
    ]
    redis_url: Annotated[str, _doc("Redis or Valkey, for dispatch: redis:// or unix://")]

    host: Annotated[str, _doc("Address that the API listens on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), _doc("Port of the API; 0 picks a free port")] = 8080
    metrics_host: Annotated[str, _doc("Address of a worker's probes and metrics")] = "127.0.0.1"
    metrics_port: Annotated[
        int,
        Meta(ge=0, le=65535),
        _doc("Port of a worker's probes and metrics; 0 picks a free port"),
    ] = 9100
    watch_seconds: Annotated[
        Seconds,
        _doc("How often an API or worker counts what waits and asks Redis, for the metrics"),
    ] = 5.0
    metrics_services: Annotated[
        int, Meta(ge=0, le=1000), _doc("How many services have metrics of their own; 0 means none")
    ] = 0
    log_format: Annotated[
        str, Meta(pattern="^(json|console)$"), _doc("Format of log lines: json or console")
    ] = "json"
    log_level: Annotated[
        str,
        Meta(pattern="^(debug|info|warning|error)$"),
        _doc("Lowest level that is logged: debug, info, warning or error"),
    ] = "info"

    traces: Annotated[
        bool, _doc("Whether to export traces: needs the extra otel; OTEL_… variables say where to")
    ] = False

    max_body_bytes: Annotated[Size, _doc("Maximum size of a request body")] = 1024 * 1024
    max_json_depth: Annotated[Count, _doc("Maximum nesting depth of a request body")] = 32
    max_jobs: Annotated[int, Meta(ge=1, le=10_000), _doc("Maximum jobs of a request")] = 64
    max_transformations: Annotated[Count, _doc("Maximum transformations of a job")] = 64
    max_presets: Annotated[Count, _doc("Maximum presets of a service")] = 100
    max_preset_bytes: Annotated[Size, _doc("Maximum size of a preset's definition")] = 16 * 1024
    max_retry_ids: Annotated[Count, _doc("Maximum process ids of one POST /retry")] = 1000
    max_requests: Annotated[Count, _doc("Maximum requests of one POST /requests")] = 100
    max_waiting: Annotated[
        Count, _doc("Maximum concurrent requests of one API that wait for a process; then 503")
    ] = 1000
    body_seconds: Annotated[Seconds, _doc("Time limit for receiving a request body")] = 30.0
    idle_seconds: Annotated[
        Seconds, _doc("Time after which a connection without a complete request is closed")
    ] = 75.0
    response_seconds: Annotated[
        Seconds, _doc("Time that a client has to read an answer before its connection is closed")
    ] = 30.0
    idempotency_hours: Annotated[Count, _doc("How long an Idempotency-Key is stored")] = 24
    retention_days: Annotated[
        int, Meta(ge=0), _doc("Days after which ended processes are deleted; 0 keeps them")
    ] = 30
    database_seconds: Annotated[Seconds, _doc("Time limit for one statement in Postgres")] = 5.0
    database_lock_seconds: Annotated[
        PostgresSeconds, _doc("Time that a statement waits for a lock; Postgres enforces this")
    ] = 4.0
    database_idle_seconds: Annotated[
        PostgresSeconds,
        _doc("Time after which Postgres ends a transaction whose client stands still"),
    ] = 2.0
    database_transaction_seconds: Annotated[
        PostgresSeconds, _doc("Time limit for a transaction; enforced by Postgres 17 and later")
    ] = 10.0
    quota_seconds: Annotated[
        Seconds, _doc("Time limit for counting in Redis; beyond it each API counts by itself")
    ] = 0.2
    token_cache_seconds: Annotated[
        Seconds,
        _doc("How long the API caches a token, and so how long a revoked token may still work"),
    ] = 5.0
    database_pool: Annotated[
        Count, _doc("Maximum connections to Postgres of one API or worker")
    ] = 10
    leave_seconds: Annotated[
        float, Meta(ge=0, le=3600), _doc("How long an API answers after SIGTERM, /readyz at 503")
    ] = 0.0
    drain_seconds: Annotated[
        Seconds, _doc("Time that running work has to finish after SIGTERM")
    ] = 25.0

    max_source_bytes: Annotated[Size, _doc("Maximum size of a source or watermark")] = (
        DEFAULT_LIMITS.max_source_bytes
    )
    max_source_pixels: Annotated[
        Size, _doc("Maximum pixels of a source or watermark, all frames together")
    ] = DEFAULT_LIMITS.max_source_pixels
    max_tiff_fields: Annotated[Count, _doc("Maximum fields in the directory of a TIFF")] = (
        DEFAULT_LIMITS.max_tiff_fields
    )
    max_tiff_strips: Annotated[Count, _doc("Maximum strips or tiles of a TIFF")] = (
        DEFAULT_LIMITS.max_tiff_strips
    )
    max_frames: Annotated[Size, _doc("Maximum frames of a source or watermark")] = (
        DEFAULT_LIMITS.max_frames
    )
    max_scans: Annotated[Size, _doc("Maximum scans of a progressive JPEG")] = (
        DEFAULT_LIMITS.max_scans
    )
    max_parts: Annotated[
        Size,
        _doc(
            "Maximum segments, chunks, blocks, boxes or items of a source or watermark, or shapes"
            " of SVG"
        ),
    ] = DEFAULT_LIMITS.max_parts
    max_svg_seconds: Annotated[
        Seconds, _doc("Maximum predicted seconds of one core for drawing an SVG")
    ] = DEFAULT_LIMITS.max_svg_seconds
    max_output_pixels: Annotated[
        Size, _doc("Maximum pixels of a result or intermediate image, all frames together")
    ] = DEFAULT_LIMITS.max_output_pixels
    max_output_side: Annotated[
        Size, _doc("Maximum width or height of a result or intermediate image")
    ] = DEFAULT_LIMITS.max_output_side
    max_watermark_pixels: Annotated[Size, _doc("Maximum pixels of a watermark")] = (
        DEFAULT_LIMITS.max_watermark_pixels
    )
    max_text_length: Annotated[Size, _doc("Maximum characters of an annotation")] = (
        DEFAULT_LIMITS.max_text_length
    )
    max_text_size: Annotated[
        int, Meta(ge=1, le=16_000), _doc("Maximum font size of an annotation, in pixels per em")
    ] = DEFAULT_LIMITS.max_text_size
    max_text_pixels: Annotated[
        Size, _doc("Maximum pixels of the box that an annotation's text fills")
    ] = DEFAULT_LIMITS.max_text_pixels
    max_output_bytes: Annotated[Size, _doc("Maximum size of a result")] = 512 * 1024**2
    max_held_bytes: Annotated[
        Size, _doc("Maximum bytes of pixels materialised for jobs that share them")
    ] = DEFAULT_LIMITS.max_held_bytes
    max_memory_bytes: Annotated[
        Size, _doc("Reject a job whose guaranteed minimum memory exceeds this")
    ] = DEFAULT_LIMITS.max_memory_bytes
    mode: Annotated[Mode, _doc("Mode of jobs that name none: exact or balanced")] = (
        DEFAULT_LIMITS.mode
    )
    allow_svg: Annotated[
        bool, _doc("Whether SVG sources are accepted; their scripts and links are never followed")
    ] = DEFAULT_LIMITS.allow_svg
    fonts: Annotated[str, _doc("Folder of additional fonts for text")] = ""
    max_inputs: Annotated[Count, _doc("Maximum distinct watermark files of a request")] = 64

    explain_slots: Annotated[Count, _doc("Child processes of the API for POST /explain")] = 2
    explain_requests: Annotated[
        Count, _doc("Maximum concurrent POST /explain of one API; further ones get 503")
    ] = 16
    explain_seconds: Annotated[Seconds, _doc("Time limit for one POST /explain")] = 10.0
    max_explain_bytes: Annotated[
        Size, _doc("Maximum bytes that one POST /explain reads from a storage, all files together")
    ] = 16 * 1024**2

    preview_slots: Annotated[Count, _doc("Child processes of the API for POST /preview")] = 2
    preview_requests: Annotated[
        Count, _doc("Maximum concurrent POST /preview of one API; further ones get 503")
    ] = 16
    preview_service_requests: Annotated[
        Count, _doc("Maximum concurrent POST /preview of a service in one API; others get 429")
    ] = 4
    preview_seconds: Annotated[
        Seconds, _doc("Time limit for a POST /preview to be rendered, and to wait for that")
    ] = 10.0
    max_preview_bytes: Annotated[
        Size, _doc("Maximum bytes of the source and the watermarks of one POST /preview")
    ] = 32 * 1024**2
    max_preview_source_pixels: Annotated[
        Size, _doc("Maximum pixels of a source or watermark of a POST /preview")
    ] = 50_000_000
    max_preview_output_pixels: Annotated[
        Size, _doc("Maximum pixels of a result or intermediate image of a POST /preview")
    ] = 25_000_000
    max_preview_output_bytes: Annotated[
        Size, _doc("Maximum size of the result of a POST /preview")
    ] = 16 * 1024**2

    slots: Annotated[
        int,
        Meta(ge=0),
        _doc("Rendering children of a worker, beside a spare one; 0 means one per core"),
    ] = 0
    render_seconds: Annotated[Seconds, _doc("Time limit for rendering one job")] = 60.0
    slow_seconds: Annotated[
        Seconds,
        _doc("A rendering is slow that takes a core for longer, or is predicted to"),
    ] = 0.5
    process_seconds: Annotated[
        Seconds, _doc("Time limit for rendering all jobs of a process together")
    ] = 600.0
    memory_bytes: Annotated[
        int,
        Meta(ge=0),
        _doc("Memory of a worker with its children; 0: that of its cgroup or machine"),
    ] = 0
    child_memory_bytes: Annotated[Size, _doc("Maximum memory of a rendering child")] = 2 * 1024**3
    child_resident_bytes: Annotated[
        Size, _doc("Replace a child that keeps more memory than this after rendering")
    ] = 512 * 1024**2
    child_works: Annotated[Count, _doc("Replace a child after rendering this many times")] = 1000
    worker_nice: Annotated[
        int,
        Meta(ge=0, le=19),
        _doc("Nice value of a worker, 0 to 19: higher yields to other processes"),
    ] = 5
    child_nice: Annotated[
        int,
        Meta(ge=0, le=19),
        _doc("Nice value of rendering children, 0 to 19: higher yields more"),
    ] = 10
    isolate_services: Annotated[
        bool, _doc("Whether a child serves one service alone and is replaced for another")
    ] = True
    resting_children: Annotated[
        int,
        Meta(ge=0, le=256),
        _doc(
            "Children beside the slots and the spare one that rest, so that services keep theirs;"
            " fewer where 32 MiB each are more than a sixteenth of the memory"
        ),
    ] = 8
    allow_weak_sandbox: Annotated[
        bool, _doc("Whether to render where the kernel lacks Landlock, seccomp or the like")
    ] = False
    record_seconds: Annotated[
        float,
        Meta(ge=0, le=3600),
        _doc("Longest time that a finished job waits to be recorded with others of its process"),
    ] = 0.1
    max_crashes: Annotated[
        Count, _doc("Crashes of rendering children after which a job is quarantined")
    ] = 3
    source_crashes: Annotated[
        Count, _doc("Crashes of rendering children after which a source is quarantined")
    ] = 3
    source_quarantine_hours: Annotated[
        Count, _doc("How long such crashes count, and a source is quarantined, after the last one")
    ] = 24
    max_lost_runs: Annotated[
        Count, _doc("Workers lost, by death or stall, after which a process is quarantined")
    ] = 10
    max_errors: Annotated[int, Meta(ge=0), _doc("Retries after transient errors")] = 5
    lease_seconds: Annotated[
        Seconds, _doc("How long a worker keeps its processes without a heartbeat")
    ] = 30.0
    poll_seconds: Annotated[
        Seconds, _doc("How often a worker polls Redis when nothing wakes it")
    ] = 0.1
    reconcile_seconds: Annotated[
        Seconds, _doc("How often the reconciler looks for lost work in Postgres")
    ] = 1.0
    dispatch_window: Annotated[Count, _doc("Maximum waiting processes that Redis holds")] = 10_000
    priority_age_seconds: Annotated[Seconds, _doc("Wait that raises a priority by one")] = 900.0
    dispatch_grace_seconds: Annotated[
        Seconds, _doc("How long after its acceptance an undispatched process counts as lost")
    ] = 5.0
    redispatch_seconds: Annotated[
        Seconds, _doc("How often a callback that still waits is dispatched again")
    ] = 30.0

    storage_connect_seconds: Annotated[Seconds, _doc("Time limit for connecting to S3")] = 5.0
    storage_read_seconds: Annotated[Seconds, _doc("Time limit for S3 to send the next bytes")] = (
        30.0
    )
    storage_total_seconds: Annotated[
        Seconds, _doc("Time limit for one fetch from or publish to S3, with its retries")
    ] = 120.0
    storage_connections: Annotated[Count, _doc("Maximum connections to one storage in S3")] = 64

    source_seconds: Annotated[Seconds, _doc("Time limit for one GET of an https source")] = 60.0
    source_private_networks: Annotated[
        bool, _doc("Whether https sources may be at private and loopback addresses")
    ] = False
    source_ports: Annotated[Ports, _doc("Ports of https sources; * allows all")] = "443"

    failpoint: Annotated[
        str,
        Meta(pattern=FAILPOINT),
        _doc("For tests only: the point at which an API or worker kills itself"),
    ] = ""

    callback_seconds: Annotated[Seconds, _doc("Time limit for one try of a callback")] = 15.0
    callback_response_bytes: Annotated[
        Size, _doc("Maximum bytes read of a receiver's answer, of which only the head counts")
    ] = 16 * 1024
    callback_interim_responses: Annotated[
        int, Meta(ge=0), _doc("Maximum interim (1xx) responses before a receiver's answer")
    ] = 8
    callback_idle_connections: Annotated[
        int,
        Meta(ge=0, le=10_000),
        _doc("Maximum idle connections to receivers that a worker keeps; 0 keeps none"),
    ] = 100
    callback_idle_seconds: Annotated[
        Seconds, _doc("Time after which an idle connection to a receiver is closed")
    ] = 4.0
    callback_connection_seconds: Annotated[
        Seconds, _doc("Age from which a connection to a receiver is used no more")
    ] = 60.0
    callback_concurrency: Annotated[Count, _doc("Maximum concurrent callbacks of a worker")] = 50
    callback_service_concurrency: Annotated[
        Count, _doc("Maximum concurrent callbacks of one service in a worker")
    ] = 16
    callback_receiver_concurrency: Annotated[
        Count, _doc("Maximum concurrent callbacks of one service to one receiver in a worker")
    ] = 8
    callback_waiting: Annotated[
        Count, _doc("Maximum waiting callbacks of one service in a worker; others are postponed")
    ] = 50
    callback_breaker_failures: Annotated[
        Count, _doc("Consecutive callbacks without an answer after which a receiver is paused")
    ] = 5
    callback_breaker_seconds: Annotated[
        Seconds, _doc("How long it is paused at first; doubled with each further failure")
    ] = 15.0
    callback_breaker_max_seconds: Annotated[
        Seconds, _doc("Maximum time for which a receiver is paused")
    ] = 900.0
    callback_hours: Annotated[
        Count, _doc("Age in hours at which an undelivered callback is given up")
    ] = 96
    callback_database_pool: Annotated[
        Count, _doc("Maximum connections to Postgres for the callbacks of a worker")
    ] = 4
    callback_private_networks: Annotated[
        bool, _doc("Whether callbacks may go to private and loopback addresses")
    ] = False
    callback_ports: Annotated[Ports, _doc("Ports that callbacks may go to; * allows all")] = (
        "80,443"
    )
