"""`darkroom migrate`: brings the tables in Postgres up to date."""

import asyncio

import click

from service.commands.start import readable_errors, start_settings


@click.command()
def migrate() -> None:
    """Create or update the tables in Postgres.

    Safe to run repeatedly and concurrently.
    """
    from service.store import migrate as apply  # noqa: PLC0415 - load what the command needs

    with readable_errors():
        applied = asyncio.run(apply(start_settings().database_url))
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")
