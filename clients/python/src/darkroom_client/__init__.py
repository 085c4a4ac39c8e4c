"""The client of Darkroom: submit batches, wait for them, verify callbacks."""

from darkroom_client.callbacks import read_callback
from darkroom_client.clients import AsyncDarkroom, Darkroom
from darkroom_client.errors import DarkroomError
from darkroom_client.types import (
    Job,
    JobError,
    JobStatus,
    Preset,
    PresetSummary,
    ProcessStatus,
    Retried,
)

__all__ = [
    "AsyncDarkroom",
    "Darkroom",
    "DarkroomError",
    "Job",
    "JobError",
    "JobStatus",
    "Preset",
    "PresetSummary",
    "ProcessStatus",
    "Retried",
    "read_callback",
]
