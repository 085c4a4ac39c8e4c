"""What commands print: JSON for programs, tables for people."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

takes_json = click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
takes_limit = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True,
    help="Maximum number of lines.",
)  # fmt: skip


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    click.echo(msgspec.json.encode(value).decode())


def pretty_json(value: object) -> str:
    """Write a value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def print_rows(rows: Sequence[msgspec.Struct], columns: Sequence[str], *, as_json: bool) -> None:
    """Print structs as JSON lines, or some of their fields as a table with a head."""
    if as_json:
        for row in rows:
            print_json(row)
    else:
        click.echo(
            table([columns, *([cell(getattr(row, name)) for name in columns] for row in rows)])
        )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of text in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def cell(value: Any) -> str:
    """Write a value for people: times in UTC, to the second."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        case list():
            return ",".join(map(str, value)) or "–"
    return str(value)
