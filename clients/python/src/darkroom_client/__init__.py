"""The client of Darkroom: submit batches, wait for them, verify callbacks."""

from darkroom_client.callbacks import read_callback
from darkroom_client.clients import AsyncDarkroom, Darkroom
from darkroom_client.errors import DarkroomError
from darkroom_client.types import (
    CallbackStatus,
    Created,
    Job,
    JobCounts,
    JobError,
    JobStatus,
    Preset,
    PresetSummary,
    ProcessPage,
    ProcessStatus,
    ProcessSummary,
    Request,
    Retried,
)

__all__ = [
    "AsyncDarkroom",
    "CallbackStatus",
    "Created",
    "Darkroom",
    "DarkroomError",
    "Job",
    "JobCounts",
    "JobError",
    "JobStatus",
    "Preset",
    "PresetSummary",
    "ProcessPage",
    "ProcessStatus",
    "ProcessSummary",
    "Request",
    "Retried",
    "read_callback",
]
