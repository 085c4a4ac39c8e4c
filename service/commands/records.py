"""Shared by the commands on records: the connection to Postgres, output, and errors."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import asyncpg
import click
import msgspec

from service.errors import DarkroomError
from service.settings import Settings, SettingsError, read_settings, variable
from service.store import Store, is_unavailable, open_store

T = TypeVar("T")

takes_json = click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")


def settings() -> Settings:
    """Read the settings; exit with a message if they are invalid."""
    try:
        return read_settings()
    except SettingsError as error:
        fail(f"Invalid settings:\n{error}", 2)


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Run work on the store; exit with a message if that fails."""

    async def run() -> T:
        async with open_store(database_url, size=1) as store:
            return await work(store)

    database_url = settings().database_url
    try:
        return asyncio.run(run())
    except asyncpg.UniqueViolationError:
        fail("A service with that name already exists.")
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        fail("The database has no tables or outdated ones: run `darkroom migrate` first.")
    except DarkroomError as error:
        fail(f"The storage cannot be used ({error.code}): {error.message}")
    except Exception as error:
        if not is_unavailable(error):
            raise
        fail(f"The database cannot be reached: {error}; see {variable('database_url')}")


def print_json(value: object) -> None:
    """Print a line of JSON."""
    click.echo(msgspec.json.encode(value).decode())


def print_rows(rows: Sequence[msgspec.Struct], columns: Sequence[str], *, as_json: bool) -> None:
    """Print structs as JSON lines, or some of their fields as a table; prints nothing for none."""
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
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
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        case list():
            return ",".join(map(str, value)) or "–"
    return str(value)


def check_found(found: object, service_id: int) -> None:
    """Exit with a message unless the service was found."""
    if not found:
        fail(f"There is no service {service_id}; `darkroom services list` lists all.")


def fail(message: str, status: int = 1) -> NoReturn:
    """Exit with a message."""
    click.echo(message, err=True)
    sys.exit(status)
