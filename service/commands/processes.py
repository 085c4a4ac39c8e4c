"""`darkroom processes`: what clients asked for, seen and steered without SQL."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

import click
import msgspec

from service.commands.records import fail, print_rows, takes_json, with_store
from service.http import make_callback, show_process
from service.store import Place, Status, Store, Wanted

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
AGO = re.compile(r"(\d{1,6})([smhd])")
COLUMNS = [
    "id",
    "service_id",
    "status",
    "attempt",
    "created_at",
    "jobs",
    "done",
    "failed",
    "errors",
]


class Moment(click.ParamType[datetime]):
    """A moment: so long ago (30m, 6h, 2d), or in ISO 8601 (UTC unless it says otherwise)."""

    name = "moment"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read one."""
        if isinstance(value, datetime):
            return value
        if found := AGO.fullmatch(value):
            return datetime.now(UTC) - timedelta(**{UNITS[found[2]]: int(found[1])})
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"expected 30m, 6h, 2d or 2024-01-31T08:00, got {value!r}", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# An id may begin with a dash.
TAKES_IDS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@click.group()
def processes() -> None:
    """List, show, cancel and retry the processes of all services."""


@processes.command("list")
@click.option("--service", "service_id", type=int, help="Of this service alone.")
@click.option(
    "--status", "statuses", type=click.Choice(list(get_args(Status))), multiple=True,
    help="In this state alone; may be given several times.",
)  # fmt: skip
@click.option("--since", type=Moment(), help="Created since: 30m, 6h, 2d, or 2024-01-31T08:00.")
@click.option("--until", "before", type=Moment(), help="Created before, in the same forms.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@takes_json
def list_processes(
    *,
    service_id: int | None,
    statuses: Sequence[Status],
    since: datetime | None,
    before: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List processes, the newest first, with how many of their jobs are done or failed, and why.

    A state that is rare among many processes is found sooner with --since.
    """
    wanted = Wanted(service_id=service_id, statuses=statuses)
    if since is not None:
        wanted = msgspec.structs.replace(wanted, since=since)
    if before is not None:
        wanted = msgspec.structs.replace(wanted, before=Place(before))
    rows = with_store(lambda store: store.steering.processes(wanted, limit))
    print_rows(rows, COLUMNS, as_json=as_json)


@processes.command(context_settings=TAKES_IDS)
@click.argument("process_id")
def show(process_id: str) -> None:
    """Show a process as JSON: its jobs and callbacks, as its client sees them."""
    found = with_store(lambda store: store.processes.get(process_id, None))
    if found is None:
        fail(f"There is no process {process_id}.")
    click.echo(msgspec.json.format(msgspec.json.encode(show_process(found))).decode())


@processes.command(context_settings=TAKES_IDS)
@click.argument("process_ids", nargs=-1, required=True)
def cancel(process_ids: tuple[str, ...]) -> None:
    """Cancel processes: one that waits ends at once, one that runs is stopped by its worker.

    What is done stays stored; the other jobs fail with `cancelled`, and the callback is sent. A
    worker hears of it within a third of DARKROOM_LEASE_SECONDS. Exit status: 1 if one does not
    exist or has ended already.
    """

    async def work(store: Store) -> dict[str, str]:
        return {each: await _cancel(store, each) for each in process_ids}

    told = with_store(work)
    _tell(told)
    sys.exit(not all(words.startswith("cancelled") for words in told.values()))


async def _cancel(store: Store, process_id: str) -> str:
    found = await store.processes.cancel_process(process_id, None, make_callback)
    if found is None:
        return "there is no such process"
    if found.ended:
        return "cancelled"
    if found.process.cancelling:
        return "cancelled, as soon as its worker stops it"
    return f"has ended already: {found.process.status}"


@processes.command(context_settings=TAKES_IDS)
@click.argument("process_ids", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Run jobs again that are done, too.")
def retry(process_ids: tuple[str, ...], everything: bool) -> None:
    """Queue ended processes again: only their failed jobs run, unless --all is given.

    Exit status: 1 if one does not exist or has not ended.
    """

    async def work(store: Store) -> dict[str, str]:
        return {each: await _retry(store, each, everything) for each in process_ids}

    told = with_store(work)
    _tell(told)
    sys.exit(not all(words.startswith(("queued", "nothing")) for words in told.values()))


async def _retry(store: Store, process_id: str, everything: bool) -> str:
    owner = await store.steering.owner(process_id)
    if owner is None:
        return "there is no such process"
    found, retried = await store.processes.retry(
        [process_id], owner, everything=everything, grace=timedelta(0)
    )
    if retried:
        return f"queued again, attempt {retried[0].attempt}"
    status = found.get(process_id)
    return "nothing to do: every job is done" if status == "FINISHED" else f"is still {status}"


def _tell(told: dict[str, str]) -> None:
    for process_id, words in told.items():
        click.echo(f"{process_id}: {words}")
