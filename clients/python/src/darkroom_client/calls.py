"""Each call of the API as data: the request to send, and how to read its answer.

Nothing here waits or speaks HTTP, so that both clients are made of the same calls. A call is a
generator: it yields requests to send and pauses to make, is sent the answers, and returns its
result.
"""

import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from random import uniform
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from darkroom_client.errors import DarkroomError
from darkroom_client.types import (
    CallbackStatus,
    Created,
    Job,
    Preset,
    PresetSummary,
    ProcessPage,
    ProcessStatus,
    Request,
    Retried,
)

T = TypeVar("T")

FIRST_PAUSE = 0.2  # seconds; doubled with each further try
LONGEST_PAUSE = 20.0
ASK_SECONDS = 0.5  # at least between two requests for the same status
WAIT_SECONDS = 25  # how long one request for a status waits at the server


class Send(Struct, frozen=True):
    """A request to send; the answer is None if there was none."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


class Pause(Struct, frozen=True):
    """Seconds to wait."""

    seconds: float


Call = Generator[Send | Pause, httpx.Response | httpx.TransportError | None, T]


def submit(service_id: int, request: Request, *, key: str | None, tries: int) -> Call[str]:
    """Create a process; returns its id."""
    sent = post("/request", request.body(service_id), _once(key))
    answer = yield from until_answered(sent, tries)
    process_id: str = msgspec.json.decode(answer.content)["process_id"]
    return process_id


def submit_many(
    service_id: int, requests: Sequence[Request], *, key: str | None, tries: int
) -> Call[list[Created]]:
    """Create many processes at once; returns what became of each request."""
    sent = post("/requests", [each.body(service_id) for each in requests], _once(key))
    answer = yield from until_answered(sent, tries)
    return msgspec.json.decode(answer.content, type=list[Created])


def _once(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def status(process_id: str, *, wait: int = 0, tries: int) -> Call[ProcessStatus | None]:
    """Ask for a status; returns None if there is no such process."""
    params = {"wait": str(wait)} if wait else {}
    answer = yield from or_none(Send("GET", f"/request/{process_id}", params=params), tries)
    return None if answer is None else msgspec.json.decode(answer.content, type=ProcessStatus)


def wait(process_id: str, *, seconds: float, tries: int) -> Call[ProcessStatus]:
    """Wait until a process has ended; raises TimeoutError and LookupError."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        asked = time.monotonic()
        whole = max(1, min(WAIT_SECONDS, int(left)))
        found = yield from status(process_id, wait=whole, tries=tries)
        if found is None:
            raise LookupError(f"there is no process {process_id}")
        if found.ended:
            return found
        # a server with too many waiters answers at once
        yield Pause(max(0.0, ASK_SECONDS - (time.monotonic() - asked)))
    raise TimeoutError(f"process {process_id} has not ended within {seconds:g} s")


def processes(filters: Mapping[str, str | int | None], *, tries: int) -> Call[ProcessPage]:
    """Ask for a page of processes."""
    params = {name: str(value) for name, value in filters.items() if value is not None}
    answer = yield from until_answered(Send("GET", "/requests", params=params), tries)
    return msgspec.json.decode(answer.content, type=ProcessPage)


def redeliver(process_id: str, callback_id: str, *, tries: int) -> Call[CallbackStatus]:
    """Have a callback sent again; returns how it stands."""
    path = f"/request/{process_id}/callbacks/{callback_id}/redeliver"
    answer = yield from until_answered(Send("POST", path), tries)
    return msgspec.json.decode(answer.content, type=CallbackStatus)


def retry(
    service_id: int, ids: Sequence[str], *, all_jobs: bool, source: str, tries: int
) -> Call[list[Retried]]:
    """Queue ended processes again; returns what became of each."""
    body = {
        "service_id": service_id, "process_ids": list(ids), "all": all_jobs, "source": source,
    }  # fmt: skip
    answer = yield from until_answered(post("/retry", body), tries)
    return msgspec.json.decode(answer.content, type=list[Retried])


def cancel(process_id: str, *, tries: int) -> Call[ProcessStatus]:
    """Cancel a process; returns its status."""
    answer = yield from until_answered(Send("POST", f"/request/{process_id}/cancel"), tries)
    return msgspec.json.decode(answer.content, type=ProcessStatus)


def explain(
    service_id: int, source: str, jobs: Sequence[Job], *, tries: int
) -> Call[dict[str, Any]]:
    """Ask how jobs would be done."""
    answer = yield from until_answered(post("/explain", batch(service_id, source, jobs)), tries)
    explained: dict[str, Any] = msgspec.json.decode(answer.content)
    return explained


def preview(service_id: int, source: str, job: Job, *, tries: int) -> Call[bytes]:
    """Ask for the image that a job makes."""
    answer = yield from until_answered(post("/preview", batch(service_id, source, [job])), tries)
    return answer.content


def put_preset(name: str, definition: Mapping[str, Any], *, tries: int) -> Call[Preset]:
    """Save a preset, or replace it."""
    sent = replace(post(_preset(name), definition), method="PUT")
    answer = yield from until_answered(sent, tries)
    return msgspec.json.decode(answer.content, type=Preset)


def preset(name: str, *, tries: int) -> Call[Preset | None]:
    """Ask for a preset; None if there is none of that name."""
    answer = yield from or_none(Send("GET", _preset(name)), tries)
    return None if answer is None else msgspec.json.decode(answer.content, type=Preset)


def presets(*, tries: int) -> Call[list[PresetSummary]]:
    """Ask for all presets, by name."""
    answer = yield from until_answered(Send("GET", "/presets"), tries)
    return msgspec.json.decode(answer.content, type=dict[str, list[PresetSummary]])["presets"]


def delete_preset(name: str, *, tries: int) -> Call[bool]:
    """Delete a preset; returns whether there was one."""
    return (yield from or_none(Send("DELETE", _preset(name)), tries)) is not None


def _preset(name: str) -> str:
    return f"/presets/{quote(name, safe='')}"


def or_none(request: Send, tries: int) -> Call[httpx.Response | None]:
    """Send a request until it is answered; None for a 404."""
    try:
        return (yield from until_answered(request, tries))
    except DarkroomError as error:
        if error.status != httpx.codes.NOT_FOUND:
            raise
        return None


def until_answered(request: Send, tries: int) -> Call[httpx.Response]:
    """Send a request until it is answered; raises DarkroomError and httpx.TransportError.

    Sent again are requests without an answer, and those that were answered 429 or 503.
    """
    for tried in range(1, tries + 1):
        answer = yield request
        if isinstance(answer, httpx.Response):
            if answer.is_success:
                return answer
            if answer.status_code not in (429, 503) or tried == tries:
                raise error_of(answer)
        elif isinstance(answer, httpx.TransportError) and tried == tries:
            raise answer
        yield Pause(pause_after(answer, tried))
    raise ValueError(f"expected at least one try, got {tries}")


def pause_after(answer: httpx.Response | httpx.TransportError | None, tried: int) -> float:
    """Choose how long to pause: as long as the answer asks for, else longer with each try."""
    asked = answer.headers.get("Retry-After", "") if isinstance(answer, httpx.Response) else ""
    if asked.isdecimal():
        return float(asked) + uniform(0, FIRST_PAUSE)  # noqa: S311 - no secret
    most: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tried - 1))
    return uniform(most / 2, most)  # noqa: S311 - no secret


def error_of(answer: httpx.Response) -> DarkroomError:
    """Read an error; what is not Darkroom's own has the code `http_error`."""
    request_id = answer.headers.get("X-Request-Id")
    try:
        said = msgspec.json.decode(answer.content, type=dict[str, Any])
        return DarkroomError(
            answer.status_code, said["code"], said["message"], said.get("path"), request_id
        )
    except (msgspec.DecodeError, KeyError):
        return DarkroomError(answer.status_code, "http_error", answer.text[:500], None, request_id)


def batch(service_id: int, source: str, jobs: Sequence[Job]) -> dict[str, Any]:
    """Give the body of explanations and previews."""
    return {"service_id": service_id, "source": source, "jobs": [job.body() for job in jobs]}


def post(path: str, body: object, headers: Mapping[str, str] | None = None) -> Send:
    """Make a request that sends JSON."""
    written = {"Content-Type": "application/json", **(headers or {})}
    return Send("POST", path, msgspec.json.encode(body), written)
