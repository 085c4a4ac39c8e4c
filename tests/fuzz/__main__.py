"""`make fuzz`: many spoiled files, with progress and a summary."""

import asyncio
import sys
import time

import click

from tests.fuzz.drive import Findings, fuzz

STEPS = 20  # lines of progress


@click.command()
@click.option("--count", default=10_000, show_default=True, help="How many files.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--slots", default=2, show_default=True, help="Children that work at once.")
@click.option("--crash-every", default=100, show_default=True, help="Kill a child each so many.")
@click.option("--format", "only", help="The format of all files; of each one by default.")
def main(count: int, first: int, slots: int, crash_every: int, only: str | None) -> None:
    """Send COUNT spoiled files through real children, and kill some of these in between.

    Exits 1 for a failure without a code, a child that died by itself, and a crash that was not
    over within a second: told to its caller, and its child replaced.
    """
    began = time.perf_counter()
    due = iter(range(0, count, max(1, count // STEPS)))
    upcoming = next(due)

    def progress(findings: Findings) -> None:
        nonlocal upcoming
        if findings.files > upcoming:
            upcoming = next(due, count)
            rate = findings.files / (time.perf_counter() - began)
            codes = ", ".join(f"{code} {n}" for code, n in findings.codes.most_common())
            click.echo(f"{findings.files:6} of {count} at {rate:.0f}/s: {codes}")

    findings = asyncio.run(fuzz(range(first, first + count), slots, progress, only, crash_every))
    click.echo("\n".join(findings.summary()))
    gave_way = findings.unexpected or findings.deaths or findings.crashes.slow
    sys.exit(bool(gave_way) or findings.files < count)


main()
