"""Ends a command with a message instead of a traceback: invalid settings, no database."""

import sys
from typing import NoReturn

import click

from service.settings import Settings, SettingsError, read_settings, variable


def fail(message: str, status: int = 1) -> NoReturn:
    """Exit with a message on standard error."""
    click.echo(message, err=True)
    sys.exit(status)


def fail_settings(problems: object) -> NoReturn:
    """Exit because settings are invalid: each problem is a line that names its variable."""
    fail(f"Invalid settings:\n{problems}", 2)


def fail_database(error: Exception) -> NoReturn:
    """Exit because Postgres cannot be reached."""
    fail(f"The database cannot be reached: {error}; see {variable('database_url')}")


def valid_settings() -> Settings:
    """Read the settings; exit if one is invalid."""
    try:
        return read_settings()
    except SettingsError as error:
        fail_settings(error)
