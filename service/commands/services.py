"""`darkroom services …`: who may use this installation."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NoReturn, TypeVar

import asyncpg
import click
import msgspec
from msgspec import Struct

from service.errors import DarkroomError
from service.ids import new_token, new_webhook_secret, token_hash
from service.settings import SettingsError, read_settings
from service.storage import StorageOptions, open_storage
from service.store import Store, open_store

T = TypeVar("T")

STORAGE_OPTIONS = [
    click.option("--endpoint", default="", help="S3 endpoint, when it is not Amazon's."),
    click.option("--region", default="", help="S3 region, us-east-1 when not given."),
    click.option(
        "--access-key", default="", envvar="STORAGE_ACCESS_KEY", show_envvar=True,
        help="S3 access key.",
    ),
    click.option(
        "--secret-key", default="", envvar="STORAGE_SECRET_KEY", show_envvar=True,
        help="S3 secret key; better given by the variable than on the command line.",
    ),
    click.option("--check/--no-check", default=True, help="Try to reach the storage first."),
]  # fmt: skip


class Place(Struct, frozen=True):
    """A storage as it was named on the command line; `check` asks to try it first."""

    url: str
    options: dict[str, str]
    check: bool


def takes_place(argument: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a storage, folded with its URL into one `place`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def folded(**given: Any) -> None:
            url, check = given.pop(argument), given.pop("check")
            names = ("endpoint", "region", "access_key", "secret_key")
            options = {name: value for name in names if (value := given.pop(name))}
            command(**given, place=Place(url, options, check))

        for option in reversed(STORAGE_OPTIONS):
            folded = option(folded)
        return folded

    return decorate


@click.group()
def services() -> None:
    """Add and change the services (tenants) of this installation."""


@services.command()
@click.argument("name", callback=lambda _ctx, _param, name: _named(name))
@click.option("--storage", required=True, help="file:///path or s3://bucket/prefix")
@click.option(
    "--requests-a-minute", type=click.IntRange(1), help="Quota of each API process; none at first."
)
@takes_place("storage")
def add(name: str, requests_a_minute: int | None, place: Place) -> None:
    """Add a service; prints its id, its token and its webhook secret, once, as JSON."""
    token, secret = new_token(), new_webhook_secret()

    async def work(store: Store) -> int:
        await _check_storage(place)
        return await store.services.add(
            name=name,
            storage_url=place.url,
            storage_options=place.options,
            webhook_secret=secret,
            token_hash=token_hash(token),
            requests_a_minute=requests_a_minute,
        )

    service_id = _with_store(work)
    _print({"service_id": service_id, "token": token, "webhook_secret": secret})


@services.command("list")
def list_services() -> None:
    """List the services as JSON lines."""
    for row in _with_store(lambda store: store.services.list()):
        _print(row)


@services.command("rotate-token")
@click.argument("service_id", type=int)
def rotate_token(service_id: int) -> None:
    """Give a service a new token; the one before stays valid, older ones do not."""
    token = new_token()
    found = _with_store(lambda store: store.services.add_token(service_id, token_hash(token)))
    _known(found, service_id)
    _print({"service_id": service_id, "token": token})


@services.command("rotate-webhook-secret")
@click.argument("service_id", type=int)
def rotate_webhook_secret(service_id: int) -> None:
    """Sign callbacks with a new secret, and with the one before it too."""
    secret = new_webhook_secret()
    found = _with_store(lambda store: store.services.rotate_webhook_secret(service_id, secret))
    _known(found, service_id)
    _print({"service_id": service_id, "webhook_secret": secret})


@services.command("set-storage")
@click.argument("service_id", type=int)
@click.argument("storage")
@takes_place("storage")
def set_storage(service_id: int, place: Place) -> None:
    """Point a service at another storage: file:///path or s3://bucket/prefix."""

    async def work(store: Store) -> bool:
        await _check_storage(place)
        return await store.services.set_storage(service_id, place.url, place.options)

    _known(_with_store(work), service_id)


@services.command()
@click.argument("service_id", type=int)
def disable(service_id: int) -> None:
    """Refuse a service's requests from now on; accepted work is finished."""
    _known(_with_store(lambda store: store.services.set_disabled(service_id, True)), service_id)


@services.command()
@click.argument("service_id", type=int)
def enable(service_id: int) -> None:
    """Let a disabled service in again."""
    _known(_with_store(lambda store: store.services.set_disabled(service_id, False)), service_id)


async def _check_storage(place: Place) -> None:
    storage = await open_storage(place.url, msgspec.convert(place.options, StorageOptions))
    try:
        if place.check:
            await storage.check()
    finally:
        await storage.close()


def _with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the store, and tell a person what is wrong if that fails."""

    async def run() -> T:
        async with open_store(read_settings().database_url, size=1) as store:
            return await work(store)

    try:
        return asyncio.run(run())
    except SettingsError as error:
        _die(f"These settings cannot be used:\n{error}", 2)
    except asyncpg.UniqueViolationError:
        _die("There is a service of that name already.")
    except asyncpg.UndefinedTableError:
        _die("The database has no tables yet: run `darkroom migrate` first.")
    except DarkroomError as error:
        _die(f"The storage cannot be used ({error.code}): {error.message}")
    except OSError as error:
        _die(f"The database cannot be reached: {error}")


def _named(name: str) -> str:
    if not name.strip():
        raise click.BadParameter("expected a name, got nothing")
    return name.strip()


def _known(found: bool, service_id: int) -> None:
    if not found:
        _die(f"There is no service {service_id}.")


def _print(words: object) -> None:
    click.echo(msgspec.json.encode(words).decode())


def _die(message: str, status: int = 1) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(status)
