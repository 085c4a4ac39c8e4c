"""The storage of a service as command-line arguments: its URL and its options."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
import msgspec
from msgspec import Struct

from service.storage import open_storage, read_options


def _pairs(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """Read NAME=VALUE, once for each name."""
    pairs = [text.partition("=") for text in given]
    if bad := [name for name, equals, _ in pairs if not equals]:
        raise click.BadParameter(f"expected NAME=VALUE, got {bad[0]}")
    return {name: value for name, _, value in pairs}


STORAGE_OPTIONS = [
    click.option("--endpoint", default="", help="S3 endpoint, if it is not that of Amazon."),
    click.option("--region", default="", help="S3 region (default: us-east-1)."),
    click.option(
        "--access-key", default="", envvar="STORAGE_ACCESS_KEY", show_envvar=True,
        help="S3 access key.",
    ),
    click.option(
        "--secret-key", default="", envvar="STORAGE_SECRET_KEY", show_envvar=True,
        help="S3 secret key; prefer the variable to the command line.",
    ),
    click.option("--cache-control", default="", help="Default Cache-Control of objects in S3."),
    click.option("--content-disposition", default="", help="Default Content-Disposition in S3."),
    click.option("--acl", default="", help="Default canned ACL of objects in S3."),
    click.option("--storage-class", default="", help="Default storage class of objects in S3."),
    click.option(
        "--metadata", metavar="NAME=VALUE", multiple=True, callback=_pairs,
        help="Default metadata of objects in S3; may be given several times.",
    ),
    click.option(
        "--ignore-store", is_flag=True,
        help="For a folder: accept and ignore `store`, which only S3 can honour.",
    ),
    click.option(
        "--check/--no-check", default=True, help="Check the storage first; mark a folder.",
    ),
]  # fmt: skip
CONNECTION = ("endpoint", "region", "access_key", "secret_key", "ignore_store")
KEPT = ("cache_control", "content_disposition", "acl", "storage_class", "metadata")


class StorageArguments(Struct, frozen=True):
    """A storage as given on the command line; `check` asks to check it first."""

    url: str
    options: dict[str, object]
    check: bool


def storage_arguments(argument: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a storage; it gets them, with the URL, as `storage`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def folded(**given: Any) -> None:
            url, check = given.pop(argument), given.pop("check")
            options = {name: value for name in CONNECTION if (value := given.pop(name))}
            store = {name: value for name in KEPT if (value := given.pop(name))}
            options |= {"store": store} if store else {}
            command(**given, storage=StorageArguments(url, _valid(options), check))

        for option in reversed(STORAGE_OPTIONS):
            folded = option(folded)
        return folded

    return decorate


def _valid(options: dict[str, object]) -> dict[str, object]:
    """Check options before anything is done with them."""
    try:
        read_options(options)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None
    return options


async def checked_options(storage: StorageArguments) -> dict[str, object]:
    """Check and mark a storage, unless --no-check is given; returns the options to record."""
    opened = await open_storage(storage.url, read_options(storage.options))
    try:
        if not storage.check:
            return storage.options
        await opened.check()
        marker = await opened.mark()
        return storage.options | ({"marker": marker} if marker else {})
    finally:
        await opened.close()
