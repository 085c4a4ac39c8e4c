"""`darkroom …`: everything a person or a container starts."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import click
import uvloop

from engine.errors import UnusableFonts
from engine.fonts import read_folder
from service import failpoints
from service.commands import dev, explain, fonts, process, services
from service.logs import configure_logs
from service.settings import Settings, SettingsError, describe_settings, read_settings, variable
from service.version import version


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version(), prog_name="darkroom")
def main() -> None:
    """Darkroom: image processing in batches.

    To see it work: darkroom dev. To run it for real: migrate, then serve and worker, with
    the settings in the environment (darkroom settings lists them).
    """


@main.command()
def serve() -> None:
    """Serve the HTTP API until SIGTERM."""
    from service.api import run_server  # noqa: PLC0415 - only what a command needs

    settings = _settings()
    _run(run_server(settings))


@main.command()
def worker() -> None:
    """Render what is queued, and send callbacks, until SIGTERM."""
    from service.worker import run_worker  # noqa: PLC0415 - only what a command needs

    settings = _settings()
    _check_fonts(settings)
    _run(run_worker(settings))


@main.command()
def migrate() -> None:
    """Bring the database's tables up to date; safe to run twice, or twice at once."""
    from service.store import migrate as apply  # noqa: PLC0415 - only what a command needs

    with explained():
        applied = asyncio.run(apply(_settings().database_url))
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@main.command()
def settings() -> None:
    """List every setting with its default and meaning."""
    click.echo(describe_settings())


main.add_command(dev)
main.add_command(services)
main.add_command(process)
main.add_command(explain)
main.add_command(fonts)


def _settings() -> Settings:
    try:
        settings = read_settings()
    except SettingsError as error:
        click.echo(f"These settings cannot be used:\n{error}", err=True)
        sys.exit(2)
    failpoints.arm(settings.failpoint)
    configure_logs(settings.log_format, settings.log_level)
    return settings


def _check_fonts(settings: Settings) -> None:
    """End here if the operator's fonts cannot be used; only workers need them."""
    try:
        if settings.fonts:
            read_folder(Path(settings.fonts))
    except UnusableFonts as error:
        click.echo(f"These settings cannot be used:\n{variable('fonts')}: {error}", err=True)
        sys.exit(2)


@contextmanager
def explained() -> Iterator[None]:
    """Tell a person why nothing can be started, rather than where we noticed."""
    try:
        yield
    except ConnectionError as error:  # Redis may be away at a start, so it is Postgres
        click.echo(
            f"The database cannot be reached: {error}; see {variable('database_url')}", err=True
        )
        sys.exit(1)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        click.echo(f"It cannot start: {type(error).__name__}: {error}", err=True)
        sys.exit(1)


def _run(work: Coroutine[Any, Any, None]) -> None:
    with explained(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
