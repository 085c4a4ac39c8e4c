"""`darkroom settings`: lists what can be set."""

import click

from service.settings import describe_settings


@click.command()
def settings() -> None:
    """List all settings with their defaults."""
    click.echo(describe_settings())
