"""Shows what is recorded as the answers of the API."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from engine.schema import Description
from service.http.schemas import (
    CallbackStatus,
    JobCounts,
    JobError,
    JobStatus,
    Preset,
    PresetList,
    PresetSummary,
    ProcessStatus,
    ProcessSummary,
)
from service.store import DeliveryRow, JobRow, PresetEntry, PresetRow, ProcessRow, SummaryRow

TIME = "%Y-%m-%d %H:%M:%S"


def list_presets(entries: Sequence[PresetEntry]) -> PresetList:
    """Convert recorded presets to their list."""
    return PresetList(presets=[PresetSummary(**_preset(entry)) for entry in entries])


def show_preset(row: PresetRow) -> Preset:
    """Convert a recorded preset to its answer."""
    return Preset(**_preset(row), definition=Raw(row.definition))


def _preset(entry: PresetEntry) -> dict[str, str]:
    return {
        "name": entry.name,
        "created_at": _time(entry.created_at),
        "updated_at": _time(entry.updated_at),
    }


def show_process(row: ProcessRow) -> ProcessStatus:
    """Convert a recorded process to its status."""
    return ProcessStatus(
        **_head(row),
        jobs=[_show_job(job) for job in row.jobs],
        callbacks=[show_callback(delivery) for delivery in row.deliveries],
        cancelling=row.cancelling,
    )


def show_summary(row: SummaryRow) -> ProcessSummary:
    """Convert a line of a list of processes."""
    return ProcessSummary(
        **_head(row),
        jobs=JobCounts(total=row.jobs, done=row.done, failed=row.failed),
        error_codes=row.errors,
    )


def _head(row: ProcessRow | SummaryRow) -> dict[str, Any]:
    return {
        "process_id": row.id,
        "status": row.status,
        "attempt": row.attempt,
        "created_at": _time(row.created_at),
        "updated_at": _time(row.updated_at),
        "created_at_rfc3339": _rfc3339(row.created_at),
        "updated_at_rfc3339": _rfc3339(row.updated_at),
    }


def _show_job(row: JobRow) -> JobStatus:
    error = row.error_code and JobError(code=row.error_code, message=row.error_message or "")
    fields = {name: getattr(row, name) for name in _SHARED_FIELDS}
    described = row.description and _description.decode(row.description)
    return JobStatus(**fields, description=described or None, error=error or None)


_SHARED_FIELDS = set(JobStatus.__struct_fields__) - {"description", "error"}
_description = msgspec.json.Decoder(Description)


def show_callback(row: DeliveryRow) -> CallbackStatus:
    """Convert a recorded callback to its status."""
    due = row.due_at if row.status == "PENDING" else None
    return CallbackStatus(
        id=row.id,
        attempt=row.attempt,
        status=row.status,
        tries=row.tries,
        last_status=row.last_status,
        last_error=row.last_error,
        next_try_at=_time(due) if due else None,
        next_try_at_rfc3339=_rfc3339(due) if due else None,
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(TIME)


def _rfc3339(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
