"""The protocol between parent and child: messages, descriptors, errors, limits.

Knows nothing about either side.
"""

from service.sandbox.protocol.explanation import (
    Answer,
    Explained,
    KnownRanges,
    MissingRanges,
    Question,
)
from service.sandbox.protocol.faults import to_error, to_fault
from service.sandbox.protocol.limits import DEFAULT_LIMITS, PROTECTIONS, REQUIRED, SandboxLimits
from service.sandbox.protocol.wire import (
    JobDone,
    JobFailed,
    ProtocolError,
    close_all,
    reopened,
)
from service.sandbox.protocol.work import (
    ChildExit,
    ImageFacts,
    Output,
    OutputFacts,
    Reason,
    Result,
    Summary,
    Work,
)

__all__ = [
    "DEFAULT_LIMITS",
    "PROTECTIONS",
    "REQUIRED",
    "Answer",
    "ChildExit",
    "Explained",
    "ImageFacts",
    "JobDone",
    "JobFailed",
    "KnownRanges",
    "MissingRanges",
    "Output",
    "OutputFacts",
    "ProtocolError",
    "Question",
    "Reason",
    "Result",
    "SandboxLimits",
    "Summary",
    "Work",
    "close_all",
    "reopened",
    "to_error",
    "to_fault",
]
