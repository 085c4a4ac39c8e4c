"""The command `darkroom` and its subcommands."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from service import failpoints
from service.logs import configure_logs
from service.settings import Settings, SettingsError, describe_settings, read_settings, variable
from service.version import version

ELSEWHERE = {
    "dev": "service.commands.dev",
    "explain": "service.commands.engine",
    "fonts": "service.commands.fonts",
    "presets": "service.commands.presets",
    "process": "service.commands.engine",
    "services": "service.commands.services",
}
"""The modules of the other commands: each is loaded when it is named, so that all start fast."""


class Commands(click.Group):
    """A group that loads the modules of its commands when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name them all, in alphabetical order."""
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None if there is none of that name."""
        if cmd_name in ELSEWHERE:
            command: click.Command = getattr(import_module(ELSEWHERE[cmd_name]), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(version(), prog_name="darkroom")
def main() -> None:
    """Batch image processing.

    To try it out, use dev. To run an installation, use migrate, then serve and worker, with
    settings in environment variables (settings lists them).
    """


@main.command()
def serve() -> None:
    """Run the HTTP API until SIGTERM."""
    from service.api import run_server  # noqa: PLC0415 - load what the command needs

    settings = _settings()
    _run(run_server(settings))


@main.command()
def worker() -> None:
    """Run a worker, which renders queued processes and sends callbacks, until SIGTERM."""
    from service.worker import run_worker  # noqa: PLC0415 - load what the command needs

    settings = _settings()
    _check_fonts(settings)
    _run(run_worker(settings))


@main.command()
def migrate() -> None:
    """Create or update the tables in Postgres; safe to run repeatedly and concurrently."""
    from service.store import migrate as apply  # noqa: PLC0415 - load what the command needs

    with readable_errors():
        applied = asyncio.run(apply(_settings().database_url))
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@main.command()
def settings() -> None:
    """List all settings with their defaults."""
    click.echo(describe_settings())


def _settings() -> Settings:
    try:
        settings = read_settings()
    except SettingsError as error:
        click.echo(f"Invalid settings:\n{error}", err=True)
        sys.exit(2)
    failpoints.arm(settings.failpoint)
    configure_logs(settings.log_format, settings.log_level)
    return settings


def _check_fonts(settings: Settings) -> None:
    """Exit if the operator's fonts cannot be loaded; only workers need them."""
    from engine.errors import UnusableFonts  # noqa: PLC0415 - load what the command needs
    from engine.fonts import read_folder  # noqa: PLC0415 - load what the command needs

    try:
        if settings.fonts:
            read_folder(Path(settings.fonts))
    except UnusableFonts as error:
        click.echo(f"Invalid settings:\n{variable('fonts')}: {error}", err=True)
        sys.exit(2)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Exit with a message instead of a traceback when something cannot be started."""
    import asyncpg  # noqa: PLC0415 - load what the command needs

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


def _run(work: Coroutine[Any, Any, None]) -> None:
    import uvloop  # noqa: PLC0415 - load what the command needs

    with readable_errors(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
