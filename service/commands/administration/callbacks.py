"""`darkroom callbacks`: lists callbacks, and sends some again."""

import sys
from typing import get_args

import click

from service.commands.administration.records import list_of, with_store
from service.commands.output import print_rows, takes_json, takes_limit
from service.store import Outcome, Store


@click.group()
def callbacks() -> None:
    """List callbacks and send them again."""


@callbacks.command("list")
@click.option("--service", "service_id", type=int, help="Only those of this service.")
@click.option(
    "--status",
    type=click.Choice(list(get_args(Outcome))),
    help="Only those in this state.",
)
@takes_limit
@takes_json
def list_callbacks(
    service_id: int | None, status: Outcome | None, limit: int, as_json: bool
) -> None:
    """List callbacks, latest first, with their last outcome."""
    rows = list_of(
        service_id, lambda store: store.administration.callbacks(service_id, status, limit)
    )
    columns = ["id", "process_id", "status", "tries", "last_status", "last_error", "due_at", "url"]
    print_rows(rows, columns, as_json=as_json)


@callbacks.command()
@click.argument("callback_ids", nargs=-1, required=True)
def redeliver(callback_ids: tuple[str, ...]) -> None:
    """Send callbacks again, delivered or not.

    CALLBACK_IDS are shown by `callbacks list`. The receiver gets the same webhook-id and body as
    before. A callback that was delivered or given up gets all its tries again; one that waits for
    its next try is sent now. Exit status: 1 if one of them does not exist.
    """

    async def work(store: Store) -> list[str]:
        return [each for each in callback_ids if await store.administration.redeliver(each) is None]

    missing = with_store(work)
    for each in callback_ids:
        click.echo(f"{each}: {'no such callback' if each in missing else 'queued again'}")
    sys.exit(bool(missing))
