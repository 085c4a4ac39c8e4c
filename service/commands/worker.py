"""`darkroom worker`: renders what is queued, and sends callbacks."""

import click

from service.commands.start import check_fonts, run, start_settings, start_traces


@click.command()
def worker() -> None:
    """Run a worker until SIGTERM.

    A worker renders queued processes on all cores of its machine and sends callbacks.
    """
    from service.sandbox.linux import yield_to_others  # noqa: PLC0415 - load what is needed
    from service.worker import run_worker  # noqa: PLC0415 - load what the command needs

    settings = start_settings()
    yield_to_others(settings.worker_nice)
    check_fonts(settings)
    start_traces(settings, "worker")
    run(run_worker(settings))
