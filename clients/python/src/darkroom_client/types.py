"""What is sent and received, as the reference of the API describes it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field, to_builtins

Transformation = Mapping[str, Any]


class Job(Struct, omit_defaults=True):
    """One result to make: where it goes, and the steps that lead to it.

    A preview needs no `destination` if there is a `format`. The reference of the HTTP API says what
    each field takes.
    """

    destination: str | UnsetType = UNSET
    transformations: Sequence[Transformation] = field(default_factory=list)
    quality: float | Literal["auto"] | UnsetType = UNSET
    min_ssim: float | UnsetType = UNSET
    max_bytes: int | UnsetType = UNSET
    preset: str | UnsetType = UNSET
    format: str | UnsetType = UNSET
    options: Mapping[str, Any] | UnsetType = UNSET
    background: str | UnsetType = UNSET
    keep: str | Sequence[str] | UnsetType = UNSET
    store: Mapping[str, Any] | UnsetType = UNSET
    describe: str | Sequence[str] | UnsetType = UNSET
    mode: Literal["exact", "balanced"] | UnsetType = UNSET
    damaged: Literal["refuse", "accept"] | UnsetType = UNSET

    def body(self) -> dict[str, Any]:
        """Give the job as the API takes it."""
        body: dict[str, Any] = to_builtins(self)
        # a preset may bring the transformations; else an empty list says that there are none
        return body if self.preset is not UNSET else {"transformations": [], **body}


class Request(Struct, kw_only=True):
    """One of the requests of `submit_many`: what `submit` takes."""

    source: str
    jobs: Sequence[Job]
    callback: str | None = None
    priority: str = "normal"

    def body(self, service_id: int) -> dict[str, Any]:
        """Give the request as the API takes it."""
        body = {
            "service_id": service_id,
            "source": self.source,
            "jobs": [job.body() for job in self.jobs],
            "priority": self.priority,
        }
        return body if self.callback is None else {**body, "callback": self.callback}


class Created(Struct, frozen=True):
    """What became of one request of many: 200 with the id of its process, or an error."""

    status: int
    process_id: str | None = None
    code: str | None = None
    message: str | None = None
    path: str | None = None


class JobError(Struct, frozen=True):
    """Why a job failed; the reference lists the codes."""

    code: str
    message: str


class JobStatus(Struct, frozen=True):
    """How a job stands; what describes a result is None until there is one."""

    destination: str
    status: str
    format: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    milliseconds: int | None = None
    damaged: bool = False
    description: Mapping[str, Any] | None = None
    error: JobError | None = None

    @property
    def done(self) -> bool:
        """Whether its result is stored."""
        return self.status == "DONE"


class CallbackStatus(Struct, frozen=True):
    """How the callback of an attempt stands: PENDING, DELIVERED or FAILED."""

    id: str
    attempt: int
    status: str
    tries: int
    last_status: int | None
    last_error: str | None
    next_try_at: str | None


class ProcessStatus(Struct, frozen=True):
    """How a process stands: QUEUED, PROCESSING, FINISHED or FAILED; times are in UTC."""

    process_id: str
    status: str
    attempt: int
    created_at: str
    updated_at: str
    jobs: list[JobStatus]
    callbacks: list[CallbackStatus] = []
    cancelling: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen, unless it is retried."""
        return self.status in ("FINISHED", "FAILED")


class JobCounts(Struct, frozen=True):
    """How many jobs a process has, and how many of them have ended."""

    total: int
    done: int
    failed: int


class ProcessSummary(Struct, frozen=True):
    """A process in a list; `error_codes` has the code of each failed job once."""

    process_id: str
    status: str
    attempt: int
    created_at: str
    updated_at: str
    jobs: JobCounts
    error_codes: list[str]


class ProcessPage(Struct, frozen=True):
    """Processes, the newest first; the last page has no `next_cursor`."""

    processes: list[ProcessSummary]
    next_cursor: str | None = None


class PresetSummary(Struct, frozen=True):
    """A preset of the service, and when it was first and last saved, in UTC."""

    name: str
    created_at: str
    updated_at: str


class Preset(PresetSummary, frozen=True):
    """A preset with what it stands for: the fields of a job but its destination."""

    definition: Mapping[str, Any]


class Retried(Struct, frozen=True):
    """What became of one id of a retry: 200, 404 or 409, and why."""

    status: int
    process_id: str
    description: str
