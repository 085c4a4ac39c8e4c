"""`darkroom services`: add and manage the services (tenants) of an installation."""

from collections.abc import Sequence
from datetime import timedelta

import click
from msgspec import Struct

from service.commands.administration.records import check_found, with_store
from service.commands.administration.storage_arguments import (
    StorageArguments,
    checked_options,
    storage_arguments,
)
from service.commands.exits import fail, valid_settings
from service.commands.output import pretty_json, print_json, print_rows, takes_json
from service.ids import new_token, new_webhook_secret, token_hash
from service.outbound import read_host
from service.store import QuarantinedSource, Store, TokenRow

COLUMNS = [
    "id",
    "name",
    "disabled",
    "weight",
    "jobs_a_minute",
    "tokens",
    "storage_url",
    "source_hosts",
]
WEIGHT = click.FloatRange(0.01, 100)
SHOWN_OPTIONS = ("endpoint", "region", "marker", "store", "ignore_store")  # no credentials


class Shown(Struct, frozen=True, kw_only=True):
    """A service as `show` prints it, without what is secret."""

    id: int
    name: str
    disabled: bool
    jobs_a_minute: int | None
    weight: float
    source_hosts: list[str]
    storage_url: str
    storage_options: dict[str, object]
    webhook_secrets: int
    tokens: list[TokenRow]


@click.group()
def services() -> None:
    """Add and manage the services (tenants) of this installation."""


@services.command()
@click.argument("name", callback=lambda _ctx, _param, name: _named(name))
@click.option("--storage", required=True, help="file:///path or s3://bucket/prefix")
@click.option("--jobs-a-minute", type=click.IntRange(1), help="Quota (default: none).")
@click.option(
    "--weight",
    type=WEIGHT,
    default=1.0,
    show_default=True,
    help="Share of the workers, see set-weight.",
)
@storage_arguments("storage")
def add(name: str, jobs_a_minute: int | None, weight: float, storage: StorageArguments) -> None:
    """Add a service; prints its token, once.

    Prints the id, the token and the webhook secret of the service as JSON. Neither can be shown
    again.
    """
    token, secret = new_token(), new_webhook_secret()

    async def work(store: Store) -> int:
        return await store.services.add(
            name=name,
            storage_url=storage.url,
            storage_options=await checked_options(storage),
            webhook_secret=secret,
            token_hash=token_hash(token),
            jobs_a_minute=jobs_a_minute,
            weight=weight,
        )

    service_id = with_store(work)
    print_json({"service_id": service_id, "token": token, "webhook_secret": secret})


@services.command("list")
@takes_json
def list_services(as_json: bool) -> None:
    """List all services."""
    print_rows(with_store(lambda store: store.services.list()), COLUMNS, as_json=as_json)


@services.command()
@click.argument("service_id", type=int)
def show(service_id: int) -> None:
    """Show a service as JSON, without its secrets."""

    async def work(store: Store) -> Shown | None:
        service = await store.services.get(service_id)
        if service is None:
            return None
        return Shown(
            id=service.id,
            name=service.name,
            disabled=service.disabled,
            jobs_a_minute=service.jobs_a_minute,
            weight=service.weight,
            source_hosts=service.source_hosts,
            storage_url=service.storage_url,
            storage_options={
                name: value
                for name, value in service.storage_options.items()
                if name in SHOWN_OPTIONS
            },
            webhook_secrets=len(service.webhook_secrets),
            tokens=await store.administration.tokens(service_id),
        )

    found = with_store(work)
    check_found(found, service_id)
    click.echo(pretty_json(found))


@services.command("set-quota")
@click.argument("service_id", type=int)
@click.argument("jobs_a_minute", type=click.IntRange(0))
def set_quota(service_id: int, jobs_a_minute: int) -> None:
    """Limit the jobs per minute of a service.

    0 removes the limit. APIs apply the previous quota for up to DARKROOM_TOKEN_CACHE_SECONDS (5).
    """
    found = with_store(
        lambda store: store.administration.set_quota(service_id, jobs_a_minute or None)
    )
    check_found(found, service_id)


@services.command("rotate-token")
@click.argument("service_id", type=int)
def rotate_token(service_id: int) -> None:
    """Add a token; the previous one stays valid.

    Older ones are revoked: a service has at most two tokens.
    """
    token = new_token()
    found = with_store(lambda store: store.services.add_token(service_id, token_hash(token)))
    check_found(found, service_id)
    print_json({"service_id": service_id, "token": token})


@services.command("rotate-webhook-secret")
@click.argument("service_id", type=int)
def rotate_webhook_secret(service_id: int) -> None:
    """Add a webhook secret; the previous one stays valid.

    Callbacks are signed with both.
    """
    secret = new_webhook_secret()
    found = with_store(lambda store: store.services.rotate_webhook_secret(service_id, secret))
    check_found(found, service_id)
    print_json({"service_id": service_id, "webhook_secret": secret})


@services.command("set-storage")
@click.argument("service_id", type=int)
@click.argument("storage")
@storage_arguments("storage")
def set_storage(service_id: int, storage: StorageArguments) -> None:
    """Move a service to another storage.

    STORAGE is file:///path or s3://bucket/prefix.
    """

    async def work(store: Store) -> bool:
        options = await checked_options(storage)
        return await store.services.set_storage(service_id, storage.url, options)

    check_found(with_store(work), service_id)


@services.command("set-weight")
@click.argument("service_id", type=int)
@click.argument("weight", type=WEIGHT)
def set_weight(service_id: int, weight: float) -> None:
    """Set the share of the workers that a service gets.

    When several services wait, one with weight 2 gets twice as much work done as one with 1.
    WEIGHT is from 0.01 to 100; a new service has 1.
    """
    found = with_store(lambda store: store.services.set_weight(service_id, weight))
    check_found(found, service_id)


@services.command("set-source-hosts")
@click.argument("service_id", type=int)
@click.argument("hosts", nargs=-1, callback=lambda _ctx, _param, hosts: _hosts(hosts))
def set_source_hosts(service_id: int, hosts: list[str]) -> None:
    """Set the hosts that https sources may come from.

    Replaces the list; without HOSTS, https sources are rejected. A host is a name such as
    img.example.com, or *.example.com for all names below it.
    """
    check_found(
        with_store(lambda store: store.services.set_source_hosts(service_id, hosts)), service_id
    )


@services.command()
@click.argument("service_id", type=int)
def disable(service_id: int) -> None:
    """Reject new requests of a service."""
    check_found(with_store(lambda store: store.services.set_disabled(service_id, True)), service_id)


@services.command()
@click.argument("service_id", type=int)
def enable(service_id: int) -> None:
    """Accept requests of a disabled service again."""
    check_found(
        with_store(lambda store: store.services.set_disabled(service_id, False)), service_id
    )


@services.command("list-quarantined")
@takes_json
def list_quarantined(as_json: bool) -> None:
    """List the sources in quarantine.

    A source is put into quarantine when it has crashed too many rendering processes.
    """
    settings = valid_settings()
    window = timedelta(hours=settings.source_quarantine_hours)

    async def work(store: Store) -> list[QuarantinedSource]:
        return await store.quarantine.list(settings.source_crashes, window)

    columns = ["service_id", "sha256", "size", "crashes", "until"]
    print_rows(with_store(work), columns, as_json=as_json)


@services.command("lift-quarantine")
@click.argument("service_id", type=int)
@click.argument("sha256")
def lift_quarantine(service_id: int, sha256: str) -> None:
    """Allow a source in quarantine to be tried again.

    Its SHA256 is shown by `list-quarantined` and in the errors of its jobs.
    """
    found = with_store(lambda store: store.quarantine.lift(service_id, sha256.lower()))
    if not found:
        fail(f"Service {service_id} has no source with this SHA-256 in quarantine.")


def _hosts(hosts: Sequence[str]) -> list[str]:
    try:
        return sorted({read_host(host) for host in hosts})
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _named(name: str) -> str:
    if not name.strip():
        raise click.BadParameter("expected a name, got nothing")
    return name.strip()
