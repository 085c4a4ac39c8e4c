"""Jobs of a process: what is recorded of each."""

from typing import Literal

from msgspec import Struct


class JobOutcome(Struct, frozen=True, kw_only=True):
    """What a job has put into the storage, or its error.

    `damaged` is True if it is what could be read of a damaged source, `description` a JSON object
    of what the job wanted told. What does not apply is None.
    """

    format: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    milliseconds: int | None = None
    damaged: bool | None = None
    description: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class JobResult(JobOutcome, frozen=True, kw_only=True):
    """The outcome of the job at one position of a process."""

    position: int
    status: Literal["DONE", "FAILED"]


class JobRow(JobOutcome, frozen=True, kw_only=True):
    """One job as it is recorded."""

    destination: str
    status: Literal["QUEUED", "DONE", "FAILED"]
