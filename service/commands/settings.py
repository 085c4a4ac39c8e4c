"""`darkroom settings`: lists what can be set."""

import click

from service.settings import describe_settings


@click.command()
def settings() -> None:
    """List all settings with their defaults.

    Each is an environment variable. A command that reads them ends with a message for each that
    is invalid or unknown.
    """
    click.echo(describe_settings())
