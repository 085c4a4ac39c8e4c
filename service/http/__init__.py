"""What the API and the worker share of HTTP: schemas, middleware, probes.

Knows nothing of how requests are handled.
"""

from service.http.connections import Runner
from service.http.ending import make_callback
from service.http.middleware import (
    ANSWER_HEADERS,
    JSON,
    METRICS,
    json_response,
    observe,
    send,
    traceparent,
)
from service.http.schemas import (
    CallbackStatus,
    Created,
    CreateProcess,
    JobError,
    JobStatus,
    Preset,
    PresetList,
    PresetSummary,
    Problem,
    ProcessStatus,
    RetryProcesses,
    RetryResult,
    SourceVersion,
    inputs_of,
    list_presets,
    show_preset,
    show_process,
)
from service.http.watch import watching

__all__ = [
    "ANSWER_HEADERS",
    "JSON",
    "METRICS",
    "CallbackStatus",
    "CreateProcess",
    "Created",
    "JobError",
    "JobStatus",
    "Preset",
    "PresetList",
    "PresetSummary",
    "Problem",
    "ProcessStatus",
    "RetryProcesses",
    "RetryResult",
    "Runner",
    "SourceVersion",
    "inputs_of",
    "json_response",
    "list_presets",
    "make_callback",
    "observe",
    "send",
    "show_preset",
    "show_process",
    "traceparent",
    "watching",
]
