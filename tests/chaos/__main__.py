"""`make chaos`: a whole installation under seeded faults, and an oracle that compares bytes."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path

import click

from tests.chaos.options import Options
from tests.chaos.rolling import RollingReport, run_rolling
from tests.chaos.run import Report, run_chaos

Run = Callable[
    [Path, Options, Callable[[str], None]], Coroutine[None, None, Report | RollingReport]
]
RESTARTS = 50
ENDLESS = 1_000_000


@click.command()
@click.option("--processes", "-n", default=1000, show_default=True, help="Requests to post.")
@click.option("--kills", default=40, show_default=True, help="SIGKILLs of APIs, workers, children.")
@click.option("--minutes", default=4.0, show_default=True, help="How long to post and to break.")
@click.option("--seed", default=1, show_default=True, help="Chooses all faults and their times.")
@click.option(
    "--storage", default="folder", show_default=True, type=click.Choice(["folder", "s3"]),
    help="The customer's storage; s3 is SeaweedFS behind a proxy that fails.",
)  # fmt: skip
@click.option("--apis", default=2, show_default=True, help="Processes of the API.")
@click.option("--workers", default=3, show_default=True, help="Workers, of one child each.")
@click.option("--lease", default=30.0, show_default=True, help="DARKROOM_LEASE_SECONDS.")
@click.option("--wipes", type=int, help="FLUSHALLs, and SIGKILLs of Valkey [kills / 40].")
@click.option("--postgres-kills", type=int, help="SIGKILLs of Postgres [kills / 70].")
@click.option("--hangs", type=int, help="SIGSTOPs, of each kind of process [kills / 40].")
@click.option("--outages", type=int, help="Storage outages, and full disks [kills / 40].")
@click.option("--rollings", type=int, help="Rolling restarts by SIGTERM [kills / 40].")
@click.option("--rolling", is_flag=True, help="Nothing but restarts [50], and no request may fail.")
@click.option("--rate", default=25.0, show_default=True, help="Requests a second of --rolling.")
@click.option(
    "--stall", "stall_seconds", default=180.0, show_default=True,
    help="Give up when posts, callbacks or a start come no further for so many seconds.",
)  # fmt: skip
@click.option("--directory", type=click.Path(path_type=Path), help="Keep logs and data there.")
def main(
    directory: Path | None, lease: float, kills: int, rolling: bool, rate: float, **words: object
) -> None:
    """Start a complete installation, break it in every way, and check every promise.

    Postgres, Valkey, a storage, APIs and workers run as processes of their own. Customers
    post requests with idempotency keys until each is answered 200; a receiver takes the
    callbacks and fails at times. Meanwhile processes are killed and frozen, Valkey is wiped,
    Postgres is killed, the storage goes away or is full (as root: a small file system is
    mounted), and everything is restarted in turn.

    Then everything has five minutes to come to its end. A run that comes no further tells what
    every part of it is doing. Exits 1 unless it ended, every request that was accepted has
    ended, every result has the bytes that the engine alone makes of it, every process had
    callbacks of one id, no process of ours ended badly after SIGTERM, and 99 of 100 processes of
    killed workers were taken up again within the lease and ten seconds.

    With --rolling nothing is broken. APIs and workers are restarted in turn behind a load
    balancer, while customers post and ask for statuses, and each request must be answered 200.

    \b
    The run of docs/promises.md:  make chaos CHAOS="-n 10000 --kills 200 --minutes 40"
    One like in `make test`:      make chaos CHAOS="-n 40 --kills 6 --minutes 0.15 --lease 2"
    """
    counts = {
        name: words.pop(name)
        for name in ("wipes", "postgres_kills", "hangs", "outages", "rollings")
    }
    part = {"postgres_kills": 70}
    given = {
        name: max(1, round(kills / part.get(name, 40))) if count is None else count
        for name, count in counts.items()
    }
    if rolling:  # posts go on for as long as the restarts do
        given["rollings"] = counts["rollings"] or RESTARTS
        words |= {"processes": ENDLESS, "minutes": ENDLESS / rate / 60}
    options = Options(kills=kills, lease_seconds=lease, **given, **words)  # type: ignore[arg-type]
    run: Run = run_rolling if rolling else run_chaos
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what was started, and unmounts
    home = directory or Path(tempfile.mkdtemp(prefix="darkroom-chaos-"))
    report: Report | RollingReport | None = None
    try:
        report = asyncio.run(run(home, options, click.echo))
        click.echo("\n".join(report.lines()))
    finally:
        if report and not report.failed and not directory:
            shutil.rmtree(home)
        elif not directory:
            click.echo(f"logs and data are in {home}")
    sys.exit(report.failed)


main()
