"""Lists of processes: reads filters and cursors from a query, and makes pages."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
from aiohttp import web

from engine.errors import InvalidRequest
from service.http import ProcessList, show_summary
from service.ids import is_process_id
from service.store import Cursor, ProcessFilter, Status, SummaryRow

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
STATUSES = get_args(Status)
NAMES = ("status", "created_after", "created_before", "limit", "cursor")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Page(msgspec.Struct, frozen=True):
    """Which processes to list, and how many at once."""

    filters: ProcessFilter
    limit: int


def read_page(request: web.Request, service_id: int) -> Page:
    """Read the query of a list; raises InvalidRequest, with the name of the parameter as path."""
    query = request.query
    for name in query:
        if name not in NAMES:
            raise InvalidRequest(f"{name}: expected one of {', '.join(NAMES)}", name)
    filters = ProcessFilter(service_id=service_id, statuses=_statuses(query.getall("status", [])))
    if text := query.get("created_after"):
        filters = msgspec.structs.replace(filters, since=_moment("created_after", text))
    if text := query.get("created_before"):
        before = Cursor(_moment("created_before", text))
        filters = msgspec.structs.replace(filters, before=before)
    if text := query.get("cursor"):  # it lies before `created_before`, by which it was made
        filters = msgspec.structs.replace(filters, before=_read_cursor(text))
    return Page(filters, _limit(query.get("limit", str(DEFAULT_LIMIT))))


def show_page(page: Page, rows: Sequence[SummaryRow]) -> ProcessList:
    """Show a page, made from one row more than it shows if there is another page."""
    shown, more = rows[: page.limit], len(rows) > page.limit
    return ProcessList(
        processes=[show_summary(row) for row in shown],
        next_cursor=_write_cursor(shown[-1]) if more else None,
    )


def _statuses(texts: Sequence[str]) -> list[Status]:
    names = [name for text in texts for name in text.split(",")]
    for name in names:
        if name not in STATUSES:
            raise InvalidRequest(
                f"status: expected {', '.join(STATUSES)}, got {name[:50]!r}", "status"
            )
    return msgspec.convert(names, list[Status])


def _moment(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{name}: expected a time such as 2024-01-31T08:00:00Z (a + in a query is written "
            f"%2B), got {text[:50]!r}",
            name,
        ) from None


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_LIMIT:
        raise InvalidRequest(f"limit: expected 1 to {MAX_LIMIT}, got {text[:50]!r}", "limit")
    return int(text)


def _write_cursor(last: SummaryRow) -> str:
    place = f"{(last.created_at - EPOCH) // MICROSECOND}:{last.id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> Cursor:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        number, _, process_id = text.partition(":")
        created_at = EPOCH + int(number) * MICROSECOND
    except (ValueError, OverflowError, binascii.Error):
        process_id = ""
    if not is_process_id(process_id):
        raise InvalidRequest("cursor: expected the next_cursor of an answer", "cursor")
    return Cursor(created_at, process_id)
