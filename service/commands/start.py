"""Shared by the commands that start something: settings, fonts, the event loop, errors."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import click
import uvloop

from service import failpoints
from service.logs import configure_logs
from service.settings import Settings, SettingsError, read_settings, variable
from service.tracing import TracingUnavailable, export_traces


def start_settings() -> Settings:
    """Read the settings and configure the logs; exit if a setting is invalid."""
    try:
        settings = read_settings()
    except SettingsError as error:
        click.echo(f"Invalid settings:\n{error}", err=True)
        sys.exit(2)
    failpoints.arm(settings.failpoint)
    configure_logs(settings.log_format, settings.log_level)
    return settings


def start_traces(settings: Settings, component: str) -> None:
    """Export traces if that is wanted; exit if it cannot be done."""
    try:
        if settings.traces:
            export_traces(component)
    except TracingUnavailable as error:
        click.echo(f"Invalid settings:\n{variable('traces')}: {error}", err=True)
        sys.exit(2)


def check_fonts(settings: Settings) -> None:
    """Exit if the operator's fonts cannot be loaded; only workers need them."""
    from engine.errors import UnusableFonts  # noqa: PLC0415 - load what the command needs
    from engine.fonts import read_folder  # noqa: PLC0415

    try:
        if settings.fonts:
            read_folder(Path(settings.fonts))
    except UnusableFonts as error:
        click.echo(f"Invalid settings:\n{variable('fonts')}: {error}", err=True)
        sys.exit(2)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Exit with a message instead of a traceback when something cannot be started."""
    try:
        yield
    except ConnectionError as error:  # of Postgres: Redis may be unavailable at the start
        click.echo(
            f"The database cannot be reached: {error}; see {variable('database_url')}", err=True
        )
        sys.exit(1)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        click.echo(f"Cannot start: {type(error).__name__}: {error}", err=True)
        sys.exit(1)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run something until it ends; exit with a message if it cannot be started."""
    with readable_errors(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
