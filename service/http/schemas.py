"""The schemas of requests and answers, built around those of the engine."""

from enum import Enum
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from engine.schema import Batch, Description, Flag, Job, Key, Priority, Watermark, shown
from service.http.urls import CallbackUrl, Source
from service.store import Outcome, Status


class ServiceId(int):
    """The id of a service; may be written as a string."""

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a whole number above 0."""
        text = str(raw).strip().lstrip("0") if isinstance(raw, int | str) else ""
        if isinstance(raw, bool) or not text.isdecimal() or not 0 < int(text[:20]) < 2**63:
            raise ValueError(f"expected the id of a service, got {shown(raw)}")
        return cls(text)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        return {"type": "integer", "minimum": 1}


class CreateProcess(Batch, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /request``."""

    service_id: ServiceId
    source: Source
    callback: CallbackUrl | UnsetType = UNSET
    priority: Priority = Priority.NORMAL

    @property
    def inputs(self) -> set[Key]:
        """Return the watermarks of its jobs."""
        return {
            each.key
            for job in self.jobs
            for each in job.transformations
            if isinstance(each, Watermark)
        }


class _RawRequest(Struct):
    """A request whose jobs are not parsed."""

    jobs: tuple[Raw, ...]


def raw_jobs(body: str | bytes) -> tuple[Raw, ...]:
    """Take the jobs of a request that was validated, each as JSON, for a child to parse."""
    return _raw_request.decode(body).jobs


_raw_request = msgspec.json.Decoder(_RawRequest)


def inputs_of(job: Job) -> set[Key]:
    """Return the paths of a job's watermarks."""
    return {each.key for each in job.transformations if isinstance(each, Watermark)}


class PresetSummary(Struct, frozen=True, kw_only=True):
    """A preset without its definition. Times are UTC."""

    name: str
    created_at: str
    updated_at: str


class PresetList(Struct, frozen=True, kw_only=True):
    """The answer of ``GET /presets``, by name."""

    presets: list[PresetSummary]


class Preset(PresetSummary, frozen=True, kw_only=True):
    """A preset; its definition is what was put."""

    definition: Raw


class Created(Struct, frozen=True, kw_only=True):
    """The answer to ``POST /request``: the process is durably recorded."""

    status: Literal["SUCCESS"] = "SUCCESS"
    process_id: str


class SourceVersion(Enum):
    """Which version of its inputs a retry uses, of a process that overwrites one of them."""

    RECORDED = "recorded"
    NEW = "new"


class RetryProcesses(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /retry``; `all` runs jobs again that are done, too."""

    service_id: ServiceId
    process_ids: Annotated[tuple[str, ...], Meta(min_length=1)]
    all: Flag = Flag(False)
    source: SourceVersion = SourceVersion.RECORDED


class RetryResult(Struct, frozen=True, kw_only=True):
    """The result for one process of a retry."""

    status: Literal[200, 404, 409]
    process_id: str
    description: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every error; `path` is the place in the request's body."""

    message: str
    code: str
    path: str = ""


class JobError(Struct, frozen=True, kw_only=True):
    """Why a job failed."""

    code: str
    message: str


class JobStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The status of a job."""

    destination: str
    status: Literal["QUEUED", "DONE", "FAILED"]
    format: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    milliseconds: int | None = None
    damaged: bool | None = None
    description: Description | None = None
    error: JobError | None = None


class CallbackStatus(Struct, frozen=True, kw_only=True):
    """The status of a callback; `next_try_at` is set while it is pending."""

    id: str
    attempt: int
    status: Outcome
    tries: int
    last_status: int | None
    last_error: str | None
    next_try_at: str | None
    next_try_at_rfc3339: str | None


class ProcessHead(Struct, frozen=True, kw_only=True):
    """A process without its jobs. Times are UTC, to the second; in RFC 3339 to the millisecond."""

    process_id: str
    status: Status
    attempt: int
    created_at: str
    updated_at: str
    created_at_rfc3339: str
    updated_at_rfc3339: str


class ProcessStatus(ProcessHead, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of ``GET /request/{process_id}`` and the body of a callback."""

    jobs: list[JobStatus]
    callbacks: list[CallbackStatus] = []
    cancelling: bool = False


class JobCounts(Struct, frozen=True, kw_only=True):
    """How many jobs a process has, and how they stand."""

    total: int
    done: int
    failed: int


class ProcessSummary(ProcessHead, frozen=True, kw_only=True):
    """A process in a list."""

    jobs: JobCounts
    error_codes: list[str]


class ProcessList(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of ``GET /requests``: a page of processes, the newest first."""

    processes: list[ProcessSummary]
    next_cursor: str | None = None


class CreateResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one of the requests of ``POST /requests``: a process, or an error."""

    status: Literal[200, 400, 403]
    process_id: str = ""
    message: str = ""
    code: str = ""
    path: str = ""
