"""What commands share that work on the records: a store, messages, JSON lines."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import asyncpg
import click
import msgspec

from service.errors import DarkroomError
from service.settings import Settings, SettingsError, read_settings
from service.store import Store, open_store

T = TypeVar("T")


def settings() -> Settings:
    """Read the settings; exit with a message if they are invalid."""
    try:
        return read_settings()
    except SettingsError as error:
        fail(f"Invalid settings:\n{error}", 2)


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the records; exit with a message if that fails."""

    async def run() -> T:
        async with open_store(database_url, size=1) as store:
            return await work(store)

    database_url = settings().database_url
    try:
        return asyncio.run(run())
    except asyncpg.UniqueViolationError:
        fail("A service of that name exists already.")
    except asyncpg.UndefinedTableError:
        fail("The database has no tables: run `darkroom migrate` first.")
    except DarkroomError as error:
        fail(f"The storage cannot be used ({error.code}): {error.message}")
    except OSError as error:
        fail(f"The database cannot be reached: {error}")


def check_found(found: bool, service_id: int) -> None:
    """Exit with a message if there is no such service."""
    if not found:
        fail(f"There is no service {service_id}.")


def print_json(value: object) -> None:
    """Print a value as a line of JSON."""
    click.echo(msgspec.json.encode(value).decode())


def fail(message: str, status: int = 1) -> NoReturn:
    """Exit with a message."""
    click.echo(message, err=True)
    sys.exit(status)
