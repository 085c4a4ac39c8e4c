"""The command `darkroom` and its subcommands."""

import asyncio
from importlib import import_module

import click

from service.settings import describe_settings
from service.version import version

ELSEWHERE = {
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
    settings in environment variables (settings lists them); doctor says what is missing. To
    look into a running one, use processes, callbacks, services and tokens.
    """


@main.command()
def worker() -> None:
    """Run a worker, which renders queued processes and sends callbacks, until SIGTERM."""
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
    """Create or update the tables in Postgres; safe to run repeatedly and concurrently."""
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
