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
@click.option("--format", "only", help="The format of all files; of each one by default.")
def main(count: int, first: int, slots: int, only: str | None) -> None:
    """Send COUNT spoiled files through real children; exit 1 for a failure without a code."""
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

    findings = asyncio.run(fuzz(range(first, first + count), slots, progress, only))
    click.echo("\n".join(findings.summary()))
    sys.exit(bool(findings.unexpected or findings.deaths) or findings.files < count)


main()
