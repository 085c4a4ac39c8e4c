"""Reads the recorded request of a process, and makes its callback."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from engine.schema import Job, Key, Limits, parse
from service.http import CreateProcess, make_callback, raw_jobs
from service.store import Claim, JobResult, JobRow, NewDelivery, ProcessRow
from service.tracing import current_traceparent

ACCEPTED = Limits(max_jobs=2**31, max_transformations=2**31, max_depth=2**31)


class Request(Struct, frozen=True, kw_only=True):
    """What was accepted: all its jobs, parsed and as raw JSON."""

    source: Key
    jobs: Sequence[Job]
    raw_jobs: tuple[bytes, ...]


def read_request(claim: Claim) -> Request:
    """Read again what was accepted.

    Jobs that are done are read too: what the others are made from depends on them.
    """
    request = parse(claim.request.encode(), CreateProcess, ACCEPTED)
    jobs = tuple(map(bytes, raw_jobs(claim.request)))
    return Request(source=request.source, jobs=request.jobs, raw_jobs=jobs)


def callback_of(
    claim: Claim,
    status: Literal["FINISHED", "FAILED"],
    results: Mapping[int, JobResult],
    updated_at: datetime,
) -> NewDelivery | None:
    """Make the callback of a process that ends."""
    row = ProcessRow(
        id=claim.id,
        status=status,
        attempt=claim.attempt,
        created_at=claim.created_at,
        updated_at=updated_at,
        jobs=[_row(name, results[index]) for index, name in enumerate(claim.destinations)],
        deliveries=[],
    )
    traceparent = current_traceparent() or claim.traceparent
    return make_callback(row, claim.request, traceparent, claim.request_id)


def _row(destination: str, result: JobResult) -> JobRow:
    known = msgspec.structs.asdict(result)
    del known["position"]
    return JobRow(destination=destination, **known)
