"""Work for a rendering child, and its results."""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, BinaryIO

from msgspec import Meta, Struct, field

from engine.errors import DarkroomError
from engine.limits import DEFAULT_LIMITS, EngineLimits
from engine.schema import Description

# What a child says of itself may be anything, and goes into averages: no NaN, nothing negative.
Count = Annotated[int, Meta(ge=0)]
Duration = Annotated[float, Meta(ge=0, le=1e15)]  # seconds, and not infinitely many


class Work(Struct, frozen=True, kw_only=True):
    """One source and the jobs to make of it.

    The files must have a `fileno`; they are opened anew for the child, to be read only,
    so that their own positions do not move and the same file may be used by many works.
    """

    owner: str
    """Whose files these are: a child is given those of one owner alone."""
    source: BinaryIO
    jobs: tuple[bytes, ...]
    """Each job as JSON, an object of the API document."""
    wanted: tuple[int, ...] | None = None
    """The places of the jobs to make, all if it is None; the others are planned with them."""
    deadline: float
    """Seconds that the child may work on each job, from the one before or the beginning on, not
    counting waits for a slot or for the caller."""
    budget: float = math.inf
    """Seconds that it may work on all of them together, counted alike."""
    inputs: Mapping[str, BinaryIO] = field(default_factory=dict)
    """The files that jobs name beside the source, such as watermarks, by their key."""
    limits: EngineLimits = DEFAULT_LIMITS
    threads: int = 1
    """How many cores the jobs may be rendered on side by side."""
    slow: bool = False
    """Whether it is known to be slow, whatever is predicted."""


class ImageFacts(Struct, frozen=True, kw_only=True):
    """What the renderer tells of an encoded image."""

    format: str
    width: int
    height: int
    """Pixels; of one frame if there are many."""
    frames: int
    content_type: str
    damaged: bool = False
    """Whether it is what could be read of a damaged image."""
    description: Description | None = None
    """What is told of it, if its job asks for anything."""


class OutputFacts(ImageFacts, frozen=True, kw_only=True):
    """What is known of a finished image without reading it."""

    size: int
    """Bytes."""
    sha256: str
    """Of the bytes, in hexadecimal."""
    milliseconds: float
    """What this job took in the child; shared work counts for the first job it served."""


class Output(OutputFacts, frozen=True, kw_only=True):
    """One finished image, in an open file at position 0 that nobody can change.

    Whoever takes the result closes the file.
    """

    file: BinaryIO


class Result(Struct, frozen=True):
    """What became of one job of the work."""

    index: int
    """The place of the job in `Work.jobs`."""
    outcome: Output | DarkroomError


class Summary(Struct, frozen=True, kw_only=True):
    """What a whole work cost, in figures for the metrics."""

    source_format: str = ""
    source_pixels: Count = 0
    decode_passes: Count = 0
    pixels_decoded: Count = 0
    plan_seconds: Duration = 0.0
    plans_reused: Count = 0
    """How often the plans of a batch, or of a job that needs pixels, were remembered."""
    plans_made: Count = 0
    render_seconds: Duration = 0.0
    peak_memory_bytes: Count = 0
    """The most memory that the child had resident during this work."""
    used_memory_bytes: Count = 0
    """By how much it grew for this work; 0 for the first of a child, which loads libraries too."""
    predicted_memory_bytes: Count = 0
    """What was predicted as an upper bound of that; 0 for a work too small to tell."""
    used_seconds: Duration = 0.0
    """How long the child's threads had a core for this work, all together."""
    predicted_seconds: Duration = 0.0
    """What was predicted of that."""


class Reason(StrEnum):
    """Why a child ended; the label of a metric, so there are few of them."""

    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    CANCELLED = "cancelled"
    RECYCLED = "recycled"
    PREEMPTED = "preempted"
    OTHER_OWNER = "other_owner"
    ORPHANED = "orphaned"
    START_FAILED = "start_failed"
    SHUTDOWN = "shutdown"


class ChildExit(Struct, frozen=True, kw_only=True):
    """How a child ended, for logs and metrics; nothing of it is shown to clients."""

    reason: Reason
    message: str
    """Such as ``died of SIGSEGV``."""
    pid: int = 0
    works: int = 0
    """How many works it had begun."""
    stderr: str = ""
    """The end of what it wrote to standard error."""
