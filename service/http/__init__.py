"""Shared by the API and the worker: HTTP schemas, middleware, probes.

Knows nothing about how requests are handled.
"""

from service.http.answers import (
    list_presets,
    show_callback,
    show_preset,
    show_process,
    show_summary,
)
from service.http.callback import make_callback
from service.http.connections import Runner
from service.http.middleware import (
    ANSWER_HEADERS,
    JSON,
    METRICS,
    json_response,
    log_about,
    observe,
    request_id,
    send,
    traceparent,
)
from service.http.schemas import (
    CallbackStatus,
    Created,
    CreateProcess,
    CreateResult,
    JobCounts,
    JobError,
    JobStatus,
    Preset,
    PresetList,
    PresetSummary,
    Problem,
    ProcessList,
    ProcessStatus,
    ProcessSummary,
    RetryProcesses,
    RetryResult,
    SourceVersion,
    inputs_of,
    raw_jobs,
)
from service.http.urls import Source

__all__ = [
    "ANSWER_HEADERS",
    "JSON",
    "METRICS",
    "CallbackStatus",
    "CreateProcess",
    "CreateResult",
    "Created",
    "JobCounts",
    "JobError",
    "JobStatus",
    "Preset",
    "PresetList",
    "PresetSummary",
    "Problem",
    "ProcessList",
    "ProcessStatus",
    "ProcessSummary",
    "RetryProcesses",
    "RetryResult",
    "Runner",
    "Source",
    "SourceVersion",
    "inputs_of",
    "json_response",
    "list_presets",
    "log_about",
    "make_callback",
    "observe",
    "raw_jobs",
    "request_id",
    "send",
    "show_callback",
    "show_preset",
    "show_process",
    "show_summary",
    "traceparent",
]
