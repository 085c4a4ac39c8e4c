"""The command `darkroom` and its subcommands."""

import asyncio
from importlib import import_module

import click

from service.settings import describe_settings
from service.version import version

LAZY_COMMANDS = {
    "callbacks": "service.commands.callbacks",
    "dev": "service.commands.dev",
    "doctor": "service.commands.doctor",
    "explain": "service.commands.engine",
    "fonts": "service.commands.fonts",
    "presets": "service.commands.presets",
    "process": "service.commands.engine",
    "processes": "service.commands.processes",
    "serve": "service.commands.serve",
    "services": "service.commands.services",
    "tokens": "service.commands.tokens",
}
"""The modules of commands that are loaded only when they are used, so that each starts fast."""


class Commands(click.Group):
    """A group that loads the modules of its commands when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, in alphabetical order."""
        return sorted({*super().list_commands(ctx), *LAZY_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None if there is none with that name."""
        if cmd_name in LAZY_COMMANDS:
            command: click.Command = getattr(import_module(LAZY_COMMANDS[cmd_name]), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(version(), prog_name="darkroom")
def main() -> None:
    r"""Batch image processing.

    \b
    To try it out:              dev
    Without a server:           process, explain, fonts
    To run an installation:     migrate, serve, worker; doctor checks the machine
    To manage an installation:  services, tokens, presets
    To look into a running one: processes, callbacks

    Settings are environment variables; `darkroom settings` lists them.
    """


@main.command()
def worker() -> None:
    """Run a worker until SIGTERM.

    A worker renders queued processes on all cores of its machine and sends callbacks.
    """
    from service.commands.start import (  # noqa: PLC0415
        check_fonts,
        run,
        start_settings,
        start_traces,
    )
    from service.worker import run_worker  # noqa: PLC0415 - load what the command needs

    settings = start_settings()
    check_fonts(settings)
    start_traces(settings, "worker")
    run(run_worker(settings))


@main.command()
def migrate() -> None:
    """Create or update the tables in Postgres.

    Safe to run repeatedly and concurrently.
    """
    from service.commands.start import readable_errors, start_settings  # noqa: PLC0415
    from service.store import migrate as apply  # noqa: PLC0415 - load what the command needs

    with readable_errors():
        applied = asyncio.run(apply(start_settings().database_url))
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@main.command()
def settings() -> None:
    """List all settings with their defaults."""
    click.echo(describe_settings())


if __name__ == "__main__":
    main()
