"""Make everything happen that an alert is about, before the eyes of a real Prometheus.

    make observe
    make observe OBSERVE="--only redis"

A whole installation under a little load is scraped every second by Prometheus, with the rules of
deploy/prometheus made sixty times as fast. Each fault of `faults.py` is caused until its alerts
fire, and ended until they have resolved. Then every panel must have had data. Takes ten minutes.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from service.metrics import Metrics, Role
from tests.engine.images import encoded, smooth
from tests.observe import unit
from tests.observe.faults import FAULTS, Fault, again_and_again
from tests.observe.installation import Installation, eventually, installed
from tests.observe.rules import PROMTOOL, alerts
from tests.service.harness.tenants import job
from tools.dashboards import BOARDS
from tools.dashboards.model import WINDOW

FIRE_SECONDS, RESOLVE_SECONDS = 100.0, 120.0
SLOW_SECONDS = 600.0  # what looks back over hours, made minutes
VERSIONS = "DarkroomVersionsDiffer"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
    sys.stdout.flush()


class Stranger:
    """A process of another version, while it is there."""

    def __init__(self) -> None:
        self.metrics = Metrics(version="another", libvips="8", role=Role.WORKER)
        self.there = False

    async def answer(self, _: web.Request) -> web.Response:
        """Be scraped."""
        return web.Response(body=self.metrics.expose() if self.there else b"")


@asynccontextmanager
async def visiting(stranger: Stranger) -> AsyncIterator[str]:
    """Serve it; gives its address."""
    app = web.Application()
    app.router.add_get("/metrics", stranger.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def load(it: Installation) -> AsyncIterator[None]:
    """Send a little of everything."""
    it.tenant.put("large.png", encoded(smooth(3000, 2000)))
    explained = {"service_id": it.tenant.service_id, "source": "/in.png"}

    async def send() -> None:
        turn = it.sent
        await it.post(it.body())
        if turn % 10 == 0:
            await it.post(it.body("/missing.png"))
            await it.post(explained | {"jobs": it.body()["jobs"]}, "/explain")
            wide = job("/w.png", {"type": "resize", "width": 60_000})
            await it.post(it.body() | {"jobs": [wide]})
        if turn % 40 == 0:
            await it.post(it.body("/large.png"))

    async with again_and_again(send, 0.15):
        yield


async def fires(it: Installation, names: Sequence[str], seconds: float) -> set[str]:
    """Wait until each alert has fired once; gives those that have not."""
    left = set(names)

    async def seen() -> bool:
        left.difference_update(await it.prometheus.firing())
        return not left

    await eventually(seen, seconds)
    return left


async def resolves(it: Installation, names: Sequence[str], seconds: float) -> set[str]:
    """Wait until no alert fires; gives those that do."""
    left = set(names)

    async def gone() -> bool:
        left.intersection_update(await it.prometheus.firing())
        return not left

    await eventually(gone, seconds)
    return left


async def try_fault(it: Installation, fault: Fault) -> list[str]:
    """Cause a fault, end it, and give what went wrong with its alerts."""
    name, began = fault.trouble.__name__, time.monotonic()
    async with fault.trouble(it):
        silent = await fires(it, fault.alerts, FIRE_SECONDS)
    fired = time.monotonic()
    slow = [alert for alert in fault.alerts if alert.endswith("Slow") and "Burn" in alert]
    quick = [alert for alert in fault.alerts if alert not in slow]
    stuck = await resolves(it, quick, RESOLVE_SECONDS)
    say(f"{name}: {len(fault.alerts) - len(silent)} of {len(fault.alerts)} fired after "
        f"{fired - began:.0f} s, ended {time.monotonic() - fired:.0f} s later")  # fmt: skip
    return [f"{alert} did not fire" for alert in silent] + [
        f"{alert} did not resolve" for alert in stuck
    ]


async def empty_panels(it: Installation, since: float) -> list[str]:
    """Give the queries of panels that had no data in all this time."""
    wrong = []
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.queries:
                told = await it.prometheus.ask(
                    "query_range", query=query.expr.replace(WINDOW, "5s"),
                    start=str(since), end=str(time.time()), step="5",
                )  # fmt: skip
                values = [value for each in told["result"] for _, value in each["values"]]
                if not any(value != "NaN" for value in values):
                    wrong.append(f"{board.title} › {panel.title} is empty: {query.expr}")
    return wrong


async def observe(directory: Path, only: str) -> list[str]:
    """Do all of it; gives what went wrong."""
    faults = [fault for fault in FAULTS if only in fault.trouble.__name__]
    stranger, wrong, since = Stranger(), list[str](), time.time()
    async with visiting(stranger) as other, installed(directory, other) as it, load(it):
        await asyncio.sleep(15)
        if early := await it.prometheus.firing():
            wrong.append(f"fires though nothing is wrong: {', '.join(sorted(early))}")
        say("healthy")
        stranger.there = True
        for fault in faults:
            wrong += await try_fault(it, fault)
        if not only:
            wrong += [f"{each} did not fire" for each in await fires(it, [VERSIONS], 90)]
        stranger.there = False
        names = [alert.name for alert in alerts()]
        stuck = await resolves(it, names, SLOW_SECONDS if not only else RESOLVE_SECONDS)
        wrong += [f"{alert} did not resolve in the end" for alert in stuck]
        say("all is well again")
        if not only:
            wrong += await empty_panels(it, since)
    return wrong


def main() -> int:
    """Run it, and tell."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--only", default="", help="faults whose name contains this")
    given = parser.parse_args()
    if not PROMTOOL.exists():
        say("Prometheus is not available: `make prometheus` says why")
        return 2
    covered = {VERSIONS, *(alert for fault in FAULTS for alert in fault.alerts)}
    assert covered == {alert.name for alert in alerts()}
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # it is bound to lose its Postgres
    with tempfile.TemporaryDirectory() as folder:
        if not given.only and unit.main(Path(folder), each=True):
            return 1
        wrong = asyncio.run(observe(Path(folder), given.only))
    for each in wrong:
        say(f"WRONG  {each}")
    queries = sum(len(panel.queries) for board in BOARDS for panel in board.panels)
    say(f"{len(alerts())} alerts, {queries} queries of panels, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
