"""`darkroom processes`: lists, shows, cancels and retries processes."""

import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

import click
import msgspec
from redis.exceptions import RedisError

from service.commands.administration.records import list_of, with_store
from service.commands.exits import fail, valid_settings
from service.commands.output import pretty_json, print_rows, takes_json, takes_limit
from service.dispatch import RENDER, Dispatch, Queue, connect
from service.http import make_callback, show_process
from service.store import Cursor, ProcessFilter, Status, Store

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
STOPPING = "cancelled; its worker is stopping it"


class Moment(click.ParamType[datetime]):
    """A point in time: an age (30m, 6h, 2d), or ISO 8601 (UTC unless it has an offset)."""

    name = "moment"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Parse a point in time; fails with a usage error."""
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
    """List, show, cancel and retry processes of all services."""


@processes.command("list")
@click.option("--service", "service_id", type=int, help="Only those of this service.")
@click.option(
    "--status", "statuses", type=click.Choice(list(get_args(Status))), multiple=True,
    help="Only those in this state; may be repeated.",
)  # fmt: skip
@click.option("--since", type=Moment(), help="Created after: 30m, 6h, 2d ago, or 2024-01-31T08:00.")
@click.option("--until", "before", type=Moment(), help="Created before, in the same form.")
@takes_limit
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
    """List processes, newest first.

    Shows how many jobs of each process are done or failed, and the codes of their errors. With
    many processes, --since makes a search for a rare state faster.
    """
    filters = ProcessFilter(service_id=service_id, statuses=statuses)
    if since is not None:
        filters = msgspec.structs.replace(filters, since=since)
    if before is not None:
        filters = msgspec.structs.replace(filters, before=Cursor(before))
    rows = list_of(service_id, lambda store: store.administration.processes(filters, limit))
    print_rows(rows, COLUMNS, as_json=as_json)


@processes.command(context_settings=TAKES_IDS)
@click.argument("process_id")
def show(process_id: str) -> None:
    """Show a process as its client sees it, as JSON."""
    found = with_store(lambda store: store.processes.get(process_id, None))
    if found is None:
        fail(f"There is no process {process_id}.")
    click.echo(pretty_json(show_process(found)))


@processes.command(context_settings=TAKES_IDS)
@click.argument("process_ids", nargs=-1, required=True)
def cancel(process_ids: tuple[str, ...]) -> None:
    """Cancel processes.

    A queued process ends at once; a running one is stopped by its worker, which is told through
    Redis; without Redis it learns of it within a third of DARKROOM_LEASE_SECONDS. Results that
    are stored stay; the other jobs fail with `cancelled`, and the callback is sent. Exit status:
    1 if one of them does not exist or has already ended.
    """

    async def work(store: Store) -> dict[str, str]:
        outcomes = {each: await _cancel(store, each) for each in process_ids}
        running = [each for each, words in outcomes.items() if words == STOPPING]
        if running:
            seconds = valid_settings().lease_seconds / 3
            learned = f"workers learn of it within {seconds:g} s"
            await _tell_workers(lambda queue: queue.tell_cancelled(running), learned)
        return outcomes

    outcomes = with_store(work)
    _print_outcomes(outcomes)
    sys.exit(not all(words.startswith("cancelled") for words in outcomes.values()))


async def _cancel(store: Store, process_id: str) -> str:
    found = await store.processes.cancel_process(process_id, None, make_callback)
    if found is None:
        return "no such process"
    if found.ended:
        return "cancelled"
    if found.process.cancelling:
        return STOPPING
    return f"has already ended: {found.process.status}"


async def _tell_workers(tell: Callable[[Queue], Awaitable[None]], otherwise: str) -> None:
    """Tell workers through Redis; without it, say what happens otherwise."""
    given = valid_settings()
    redis = connect(given.redis_url)
    try:
        await tell(Queue(redis, RENDER, given.dispatch_window))
    except (RedisError, OSError) as error:
        click.echo(f"Redis cannot be reached: {error}; {otherwise}", err=True)
    finally:
        await redis.aclose()


@processes.command(context_settings=TAKES_IDS)
@click.argument("process_ids", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Also run the jobs again that are done.")
def retry(process_ids: tuple[str, ...], everything: bool) -> None:
    """Run the failed jobs of ended processes again.

    Workers are told through Redis; without it they find them within seconds. Exit status: 1 if
    one of the processes does not exist or has not ended.
    """

    async def work(store: Store) -> dict[str, str]:
        dispatches: list[Dispatch] = []
        outcomes = {each: await _retry(store, each, everything, dispatches) for each in process_ids}
        if dispatches:
            seconds = valid_settings().reconcile_seconds
            found = f"workers find them within {seconds:g} s"
            await _tell_workers(lambda queue: queue.dispatch(dispatches), found)
        return outcomes

    outcomes = with_store(work)
    _print_outcomes(outcomes)
    sys.exit(not all(words.startswith(("queued", "nothing")) for words in outcomes.values()))


async def _retry(
    store: Store, process_id: str, everything: bool, dispatches: list[Dispatch]
) -> str:
    """Queue a process again and say so; what is to be dispatched for it is added."""
    owner = await store.administration.owner(process_id)
    if owner is None:
        return "no such process"
    found, retried = await store.processes.retry(
        [process_id], owner.id, everything=everything, grace=timedelta(0)
    )
    for again in retried:
        cost = again.jobs / owner.weight
        dispatches.append(
            Dispatch(again.id, again.run, again.priority, service_id=owner.id, cost=cost)
        )
        return f"queued again, attempt {again.attempt}"
    status = found.get(process_id)
    return "nothing to do: every job is done" if status == "FINISHED" else f"is still {status}"


def _print_outcomes(outcomes: dict[str, str]) -> None:
    for process_id, words in outcomes.items():
        click.echo(f"{process_id}: {words}")
