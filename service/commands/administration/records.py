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
        fail("There is a service of that name already; `darkroom services list` lists all.")
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        fail("The database has no tables or outdated ones: run `darkroom migrate` first.")
    except DarkroomError as error:
        fail(f"The storage cannot be used ({error.code}): {error.message}")
    except Exception as error:
        if not is_unavailable(error):
            raise
        fail_database(error)


def list_of(service_id: int | None, listing: Callable[[Store], Awaitable[list[T]]]) -> list[T]:
    """List records of one service or of all; exit with a message if there is no such one."""

    async def work(store: Store) -> list[T] | None:
        rows = await listing(store)
        known = rows or service_id is None or await store.services.get(service_id)
        return rows if known else None

    rows = with_store(work)
    check_found(rows is not None, service_id)
    return rows or []


def check_found(found: object, service_id: int | None) -> None:
    """Exit with a message unless the service was found."""
    if not found:
        fail(f"There is no service {service_id}; `darkroom services list` lists all.")
