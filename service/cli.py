"""The command `darkroom`, which loads the module of a subcommand when that is used."""

from importlib import import_module

import click

from service.version import version

# The \b keeps click from filling the lines that follow it.
ABOUT = """\
Batch image processing.

\b
To try it out:              dev
Without a server:           process, explain, fonts
To run an installation:     migrate, serve, worker; doctor checks the machine
To manage an installation:  services, tokens, presets
To look into a running one: processes, callbacks

Settings are environment variables; `darkroom settings` lists them.
"""
COMMANDS = {
    "callbacks": "administration.callbacks",
    "dev": "dev",
    "doctor": "doctor",
    "explain": "engine",
    "fonts": "fonts",
    "migrate": "migrate",
    "presets": "administration.presets",
    "process": "engine",
    "processes": "administration.processes",
    "serve": "serve",
    "services": "administration.services",
    "settings": "settings",
    "tokens": "administration.tokens",
    "worker": "worker",
}
"""Each command and its module in `service/commands/`, in alphabetical order."""


class LazyGroup(click.Group):
    """A group that loads the module of a command when it is used, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None if there is none with that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"service.commands.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(
    cls=LazyGroup,
    help=ABOUT,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version(), prog_name="darkroom")
def main() -> None:
    """Run one of the commands."""


if __name__ == "__main__":
    main()
