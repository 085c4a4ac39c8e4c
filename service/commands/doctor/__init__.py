"""`darkroom doctor`: whether this machine and what it depends on are fit to run, and what to do."""

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from service.commands.records import print_json, takes_json

if TYPE_CHECKING:
    from service.commands.doctor.checks import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@takes_json
def doctor(as_json: bool) -> None:
    """Check all that Darkroom needs, with this machine's settings, and say what to do.

    Checks the settings, Postgres and its migrations, Redis, the storage of each service, the
    protections of rendering children, and the fonts. Nothing is changed. Run it where an API or
    worker is to run, as the same user. Exit status: 0 if nothing failed (warnings are no
    failures), 1 otherwise.
    """
    sys.exit(asyncio.run(_tell(print_json if as_json else _print)))


async def _tell(tell: "Callable[[Finding], None]") -> bool:
    """Tell each finding when it is there; gives whether one failed."""
    from service.commands.doctor.checks import examine  # noqa: PLC0415 - load what the command needs

    failed = False
    async for found in examine():
        tell(found)
        failed |= found.verdict == "fail"
    return failed


def _print(found: "Finding") -> None:
    verdict = click.style(f"{found.verdict:<4}", fg=COLOURS[found.verdict])
    click.echo(f"{verdict}  {found.check:<10}  {found.words}")
    if found.advice:
        click.echo(f"{'':<18}→ {found.advice}")
