"""Examples of the reference: requests, and answers made with the types of the API.

The errors are not written here: each is what the parser says about an invalid body.
"""

from typing import Any

import msgspec

from engine.errors import DarkroomError, InvalidRequest
from engine.explain import Explanation
from engine.schema import DEFAULT_LIMITS, parse
from engine.sources import Facts, SourceFormat
from service.errors import Cancelled, place_of
from service.http import (
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
)
from service.presets import PresetDefinition, read_draft

TRANSFORMATIONS: dict[str, dict[str, Any]] = {
    "annotation": {
        "type": "annotation", "font": "Arial", "color": "#000000", "text": "Test text",
        "size": 10, "gravity": "center",
    },
    "blur": {"type": "blur", "sigma": 218, "radius": 465},
    "brightness": {"type": "brightness", "bright_level": 230},
    "colorize": {"type": "colorize", "red": 200, "green": 120, "blue": 150},
    "contrast": {"type": "contrast", "level": 55},
    "crop": {
        "type": "crop", "gravity": "center", "width": "750", "height": "500",
        "yoffset": "300", "xoffset": "500", "fit": True,
    },
    "enhance": {"type": "enhance"},
    "filter": {"type": "filter", "filter": "sepia"},
    "fitmethod": {
        "type": "fitmethod", "color": "#000000", "fit_type": "cropbox", "gravity": "center",
        "width": 550, "height": 300, "opacity": 0,
    },
    "flip": {"type": "flip", "direction": "y"},
    "gamma": {"type": "gamma", "level": 1.8},
    "modulate": {"type": "modulate", "brightness": 110, "saturation": 130, "hue": 20},
    "normalize": {"type": "normalize"},
    "pad": {"type": "pad", "top": 20, "bottom": "10%", "color": "#ffffff"},
    "pixelate": {"type": "pixelate", "size": 12},
    "preset": {"type": "preset", "name": "thumbnail"},
    "resize": {"type": "resize", "width": 500, "height": 300},
    "rotate": {"type": "rotate", "degrees": 20},
    "round": {"type": "round", "radius": 24},
    "sharpen": {"type": "sharpen", "sigma": 0.8, "amount": 1.2, "threshold": 2},
    "trim": {"type": "trim", "threshold": 12},
    "ulb": {"type": "ulb"},
    "watermark": {
        "type": "watermark", "gravity": "middle", "width": 200, "height": 200,
        "source": "watermark.png", "yoffset": 0, "xoffset": 0,
    },
    "zoom": {"type": "zoom", "width": "200", "height": "200", "level": 0},
}  # fmt: skip

CREATE_DOCUMENTED: dict[str, Any] = {
    "service_id": 1,
    "source": "/480x360/1.jpg",
    "jobs": [
        {
            "destination": "/480x360/transformed/1.jpg",
            "quality": 70,
            "transformations": [TRANSFORMATIONS["annotation"]],
        }
    ],
}
CREATE_SEVERAL: dict[str, Any] = {
    "service_id": 1,
    "source": "/photos/shoe.jpg",
    "callback": "https://shop.example/callbacks",
    "priority": "high",
    "jobs": [
        {
            "destination": "/photos/shoe-800.webp",
            "quality": 80,
            "transformations": [{"type": "resize", "width": 800}],
        },
        {
            "destination": "/photos/shoe-square.jpg",
            "transformations": [
                {"type": "crop", "width": 400, "height": 400, "gravity": "north"},
                {"type": "filter", "filter": "grayscale"},
            ],
        },
        {
            "destination": "/photos/shoe-original",
            "format": "png",
            "transformations": [],
        },
    ],
}
PRESET: dict[str, Any] = {
    "transformations": [
        {"type": "fitmethod", "fit_type": "cropbox", "width": 400, "height": 400},
        {"type": "sharpen"},
    ],
    "quality": 80,
}
PRESET_SHOWN = Preset(
    name="thumbnail",
    created_at="2024-01-01 08:00:00",
    updated_at="2024-01-02 09:30:00",
    definition=msgspec.Raw(msgspec.json.encode(PRESET)),
)
PRESETS = PresetList(
    presets=[
        PresetSummary(
            name="thumbnail", created_at="2024-01-01 08:00:00", updated_at="2024-01-02 09:30:00"
        )
    ]
)

PREVIEW: dict[str, Any] = {
    "service_id": 1,
    "source": "/photos/shoe.jpg",
    "jobs": [
        {"format": "webp", "transformations": [{"type": "resize", "width": 800}]},
    ],
}
CREATES = {"one job": CREATE_DOCUMENTED, "several jobs": CREATE_SEVERAL}

RETRY: dict[str, Any] = {
    "service_id": 1,
    "process_ids": ["1mQhK6J7azYy9LKo7Rbxp", "eeTP9A-jMrljQiDS1_K2S", "krLSWSF0gp6tpWPk3Okrl"],
}
RETRIES = {"failed jobs": RETRY, "all jobs": {**RETRY, "all": True, "source": "new"}}

CREATED = Created(process_id="Fcl_b6psriLi7lBYAshhp")
RETRIED = [
    RetryResult(
        status=200,
        process_id="1mQhK6J7azYy9LKo7Rbxp",
        description="Reprocessing process, attempt: 1",
    ),
    RetryResult(
        status=409,
        process_id="eeTP9A-jMrljQiDS1_K2S",
        description="Process is still queued or running",
    ),
    RetryResult(
        status=404,
        process_id="krLSWSF0gp6tpWPk3Okrl",
        description="Process not found",
    ),
]

_DONE_JOB = JobStatus(
    destination="/photos/shoe-800.webp",
    status="DONE",
    format="webp",
    width=800,
    height=600,
    bytes=48211,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    milliseconds=41,
)
_FAILED_JOB = JobStatus(
    destination="/photos/shoe-square.jpg",
    status="FAILED",
    error=JobError(code="timeout", message="rendering took longer than 60 s"),
)
_QUEUED = ProcessStatus(
    process_id=CREATED.process_id,
    status="QUEUED",
    attempt=0,
    created_at="2024-01-01 08:00:00",
    updated_at="2024-01-01 08:00:00",
    created_at_rfc3339="2024-01-01T08:00:00.125Z",
    updated_at_rfc3339="2024-01-01T08:00:00.125Z",
    jobs=[
        JobStatus(destination=_DONE_JOB.destination, status="QUEUED"),
        JobStatus(destination=_FAILED_JOB.destination, status="QUEUED"),
    ],
)
_FINISHED = msgspec.structs.replace(
    _QUEUED,
    status="FINISHED",
    updated_at="2024-01-01 08:00:01",
    updated_at_rfc3339="2024-01-01T08:00:01.250Z",
    jobs=[_DONE_JOB],
    callbacks=[
        CallbackStatus(
            id="msg_2mVbQ1cGq0d5rJ7nX8yZw",
            attempt=0,
            status="DELIVERED",
            tries=1,
            last_status=204,
            last_error=None,
            next_try_at=None,
            next_try_at_rfc3339=None,
        )
    ],
)
_FAILED = msgspec.structs.replace(
    _QUEUED,
    status="FAILED",
    updated_at="2024-01-01 08:01:00",
    updated_at_rfc3339="2024-01-01T08:01:00.500Z",
    jobs=[_DONE_JOB, _FAILED_JOB],
)
CANCELLED = {
    "it was queued": msgspec.structs.replace(
        _QUEUED,
        status="FAILED",
        jobs=[
            msgspec.structs.replace(
                job,
                status="FAILED",
                error=JobError(code=Cancelled.code, message=Cancelled().message),
            )
            for job in _QUEUED.jobs
        ],
    ),
    "it is running": msgspec.structs.replace(_QUEUED, status="PROCESSING", cancelling=True),
}
STATUSES = {"queued": _QUEUED, "finished": _FINISHED, "failed": _FAILED}


def _creating(*transformations: dict[str, Any], destination: str = "/480x360/2.jpg") -> bytes:
    job = {"destination": destination, "transformations": transformations}
    return msgspec.json.encode({**CREATE_DOCUMENTED, "jobs": [job]})


def create_errors() -> list[Problem]:
    """Return what `POST /request` answers to invalid bodies, one for each code."""
    bodies = [
        _creating({"type": "blur", "sigma": -1}),
        _creating({"type": "resize"}),
        _creating({"type": "rotate"}),
        _creating({"type": "resize", "widht": 500, "height": 300}),
        _creating({"type": "resise", "width": 500}),
        _creating(destination="/480x360/2.psd"),
        _creating(*[TRANSFORMATIONS["enhance"]] * (DEFAULT_LIMITS.max_transformations + 1)),
        b"[" * (DEFAULT_LIMITS.max_depth + 1),
        b'{"service_id": 1,',
    ]
    return [*(_error(body, CreateProcess) for body in bodies), _unknown_preset()]


def _unknown_preset() -> Problem:
    draft = read_draft(_creating({"type": "preset", "name": "thumbnial"}))
    assert draft is not None  # noqa: S101 - it names one
    return problem(draft.refuse((), ["thumbnail"]))


def preset_errors() -> list[Problem]:
    """Return what `PUT /presets/{name}` answers to invalid bodies, one for each code."""
    bodies = [
        b"{}",
        b'{"transformations": [{"type": "rotate"}]}',
        b'{"transformation": []}',
        b'{"transformations": [{"type": "resise", "width": 500}]}',
        b'{"quality": 80,',
    ]
    return [_error(body, PresetDefinition) for body in bodies]


def retry_errors() -> list[Problem]:
    """Return what `POST /retry` answers to invalid bodies, one for each code."""
    bodies = [
        msgspec.json.encode({**RETRY, "process_ids": []}),
        msgspec.json.encode({"service_id": 1}),
        msgspec.json.encode({**RETRY, "force": True}),
        b'{"service_id": 1,',
    ]
    return [_error(body, RetryProcesses) for body in bodies]


def explanation() -> Explanation:
    """Return what `POST /explain` answers to the request of several jobs."""
    from engine.explain import explain_facts  # noqa: PLC0415 - it loads libvips

    jobs = parse(msgspec.json.encode(CREATE_SEVERAL), CreateProcess).jobs
    return explain_facts(Facts(format=SourceFormat.JPEG, width=1600, height=1200), jobs)


def _error(body: bytes, kind: type) -> Problem:
    try:
        parse(body, kind)
    except InvalidRequest as error:
        return problem(error)
    raise AssertionError(body)


def problem(error: DarkroomError) -> Problem:
    """Show an error as its answer's body does."""
    return Problem(message=error.message, code=error.code, path=place_of(error))
