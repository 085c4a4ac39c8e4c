"""Shared by the commands on records: the connection to Postgres, and what is not found there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from service.commands.exits import fail, fail_database, valid_settings
from service.errors import DarkroomError
from service.store import Store, is_unavailable, open_store

T = TypeVar("T")


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Run work on the store; exit with a message if that fails."""

    async def run() -> T:
        async with open_store(database_url, size=1) as store:
            return await work(store)

    database_url = valid_settings().database_url
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
        fail_database(error)


def check_found(found: object, service_id: int) -> None:
    """Exit with a message unless the service was found."""
    if not found:
        fail(f"There is no service {service_id}; `darkroom services list` lists all.")
