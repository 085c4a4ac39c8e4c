"""`darkroom callbacks`: what was or is to be sent to receivers, and sending it again."""

import sys

import click

from service.commands.records import print_rows, takes_json, with_store
from service.store import Outcome, Store


@click.group()
def callbacks() -> None:
    """List callbacks, and send some again."""


@callbacks.command("list")
@click.option("--service", "service_id", type=int, help="Of this service alone.")
@click.option(
    "--status", type=click.Choice(["PENDING", "DELIVERED", "FAILED"]), help="In this state alone."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@takes_json
def list_callbacks(
    service_id: int | None, status: Outcome | None, limit: int, as_json: bool
) -> None:
    """List callbacks, the latest first, with how the last try of each went."""
    rows = with_store(lambda store: store.steering.callbacks(service_id, status, limit))
    columns = ["id", "process_id", "status", "tries", "last_status", "last_error", "due_at", "url"]
    print_rows(rows, columns, as_json=as_json)


@callbacks.command()
@click.argument("callback_ids", nargs=-1, required=True)
def redeliver(callback_ids: tuple[str, ...]) -> None:
    """Send callbacks again, whatever became of them: ids as `callbacks list` shows them.

    The receiver gets the same webhook-id and body as before. One that had ended has all its
    tries again; one that waits for its next try is sent now. Exit status: 1 if one does not exist.
    """

    async def work(store: Store) -> list[str]:
        return [each for each in callback_ids if await store.steering.redeliver(each) is None]

    missing = with_store(work)
    for each in callback_ids:
        click.echo(f"{each}: {'there is no such callback' if each in missing else 'is sent again'}")
    sys.exit(bool(missing))
