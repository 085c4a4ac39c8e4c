"""`darkroom presets`: save, show and delete the presets of a service."""

from typing import BinaryIO

import click
import msgspec

from engine.errors import InvalidRequest
from engine.schema import Limits
from service.commands.administration.records import check_found, list_of, with_store
from service.commands.exits import fail, valid_settings
from service.commands.output import print_rows, takes_json
from service.presets import read_definition, read_name
from service.store import PresetRow, Store


@click.group()
def presets() -> None:
    """Save, show and delete presets of a service."""


@presets.command("list")
@click.argument("service_id", type=int)
@takes_json
def list_names(service_id: int, as_json: bool) -> None:
    """List the presets of a service."""
    rows = list_of(service_id, lambda store: store.presets.list(service_id))
    print_rows(rows, ["name", "created_at", "updated_at"], as_json=as_json)


@presets.command()
@click.argument("service_id", type=int)
@click.argument("name")
def show(service_id: int, name: str) -> None:
    """Print the definition of a preset, as JSON for `put`."""

    async def work(store: Store) -> PresetRow | None:
        return await store.presets.get(service_id, name)

    found = with_store(work)
    if found is None:
        fail(f"Service {service_id} has no preset {name!r}.")
    click.echo(msgspec.json.format(found.definition))


@presets.command()
@click.argument("service_id", type=int)
@click.argument("name")
@click.argument("definition", type=click.File("rb"), default="-")
def put(service_id: int, name: str, definition: BinaryIO) -> None:
    """Save or replace a preset.

    DEFINITION is a file, or - for standard input, with a JSON object that has any fields of a job
    but its destination, such as
    {"transformations": [{"type": "resize", "width": 800}], "quality": 80}.
    """
    settings = valid_settings()
    limits = Limits(
        max_transformations=settings.max_transformations, max_depth=settings.max_json_depth
    )
    try:
        valid_name = read_name(name, "NAME")
        text = read_definition(definition.read(), limits, settings.max_preset_bytes)
    except InvalidRequest as error:
        fail(error.message, 2)

    async def work(store: Store) -> PresetRow | bool | None:
        if await store.services.get(service_id) is None:
            return False
        return await store.presets.put(service_id, valid_name, text, settings.max_presets)

    saved = with_store(work)
    check_found(saved is not False, service_id)
    if saved is None:
        fail(f"Service {service_id} already has {settings.max_presets} presets; delete one first.")


@presets.command()
@click.argument("service_id", type=int)
@click.argument("name")
def delete(service_id: int, name: str) -> None:
    """Delete a preset.

    Requests that were accepted before are not affected.
    """
    if not with_store(lambda store: store.presets.delete(service_id, name)):
        fail(f"Service {service_id} has no preset {name!r}.")
