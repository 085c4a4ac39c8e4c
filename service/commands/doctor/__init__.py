"""`darkroom doctor`: checks this machine and everything it depends on, and advises what to do."""

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from service.commands.output import print_json, takes_json

if TYPE_CHECKING:
    from service.commands.doctor.checks import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@takes_json
def doctor(as_json: bool) -> None:
    """Check that Darkroom can run here, and say what to do if not.

    Checks the settings, Postgres and its migrations, Redis, the storage of each service, the
    protections of rendering children, the fonts, and whether HEIC can be read. Nothing is
    changed. Run it on the machine and as the user that will run the API or worker. Exit status: 1
    if a check failed, 0 otherwise (warnings do not count).
    """
    sys.exit(asyncio.run(_report(print_json if as_json else _print)))


async def _report(report: "Callable[[Finding], None]") -> bool:
    """Report each finding as soon as it is made; returns whether a check failed."""
    from service.commands.doctor.checks import examine  # noqa: PLC0415 - load what the command needs

    failed = False
    async for found in examine():
        report(found)
        failed |= found.verdict == "fail"
    return failed


def _print(found: "Finding") -> None:
    verdict = click.style(f"{found.verdict:<4}", fg=COLOURS[found.verdict])
    click.echo(f"{verdict}  {found.check:<10}  {found.message}")
    if found.advice:
        click.echo(f"{'':<18}→ {found.advice}")
