"""`darkroom serve`: the API in one process, or in several that share a port."""

import asyncio
import errno
import os
import signal
import sys

import click
import structlog

from service.commands.start import run, start_settings, start_traces
from service.sandbox import linux
from service.settings import Settings, variable

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # before a process is started again
STEADY_SECONDS = 10.0

log = structlog.get_logger(__name__)


@click.command()
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True,
    help="API processes that share the port; the kernel spreads connections over them.",
)  # fmt: skip
@click.option("--shared-by", type=int, hidden=True, help="Be one of them, started by this process.")
def serve(processes: int, shared_by: int | None) -> None:
    """Run the HTTP API until SIGTERM.

    Fails if the port is in use, even by another Darkroom. With --processes N, N processes share
    the port, and one that dies is restarted. Each has its own metrics and a scrape sees only one
    of them: if that matters, run one process per port instead.
    """
    settings = start_settings()
    if shared_by or processes == 1:
        start_traces(settings, "api")
    if shared_by:
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGTERM)  # when what started it is gone
        if os.getppid() == shared_by:  # it is not gone already
            from service.api import run_server  # noqa: PLC0415 - load what the command needs

            run(run_server(settings, shared=True))
    elif processes > 1:
        run(_run_several(settings, processes))
    else:
        run(_run_one(settings))


async def _run_one(settings: Settings) -> None:
    from service.api import run_server  # noqa: PLC0415

    try:
        await run_server(settings)
    except OSError as error:
        raise _named(error, settings) from None


async def _run_several(settings: Settings, count: int) -> None:
    """Keep so many processes running until SIGTERM or SIGINT, then let each finish its requests."""
    if settings.port == 0:
        raise ValueError(f"{variable('port')}: expected a port to share, got 0")
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:  # whoever has the port, shared or not, keeps it: two installations must not mix
        probe = await loop.create_server(asyncio.Protocol, settings.host, settings.port)
    except OSError as error:
        raise _named(error, settings) from None
    probe.close()
    await probe.wait_closed()
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(_keep(stop))


async def _keep(stop: asyncio.Event) -> None:
    """Run one process; start it again whenever it ends by itself."""
    loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        began = loop.time()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "service.cli", "serve", "--shared-by", str(os.getpid())
        )
        ending = asyncio.create_task(child.wait())
        await asyncio.wait([ending, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            if child.returncode is None:
                child.terminate()
            await ending
            return
        log.error("api_process_ended", pid=child.pid, status=child.returncode)
        pause = FIRST_PAUSE if loop.time() - began > STEADY_SECONDS else pause
        await asyncio.wait([stopping], timeout=pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _named(error: OSError, settings: Settings) -> Exception:
    """Name the port that is in use, and the ways out."""
    if error.errno != errno.EADDRINUSE:
        return error
    return OSError(
        f"port {settings.port} of {settings.host} is in use by another process: stop that, choose "
        f"another {variable('port')}, or share a port between processes with --processes"
    )
