"""Causes one fault after the other; notes alerts that fire and resolve, and panels with data."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.engine.images import encoded, smooth
from tests.observe.faults import Fault, again_and_again
from tests.observe.installation import Installation, eventually
from tests.observe.progress import Progress, queries, say
from tests.observe.rules import alerts
from tests.service.harness.tenants import job
from tools.dashboards.model import WINDOW

HEALTHY_SECONDS = 15.0
RESOLVE_SECONDS = 180.0
SLOW_SECONDS = 600.0  # what looks back over hours, made minutes
TRIES = 2  # of a fault, whose alerts may come too late on a machine that is busy


class Watch:
    """Watches an installation through its Prometheus, until so many seconds have passed."""

    def __init__(self, it: Installation, progress: Progress, file: Path, seconds: float) -> None:
        self._it = it
        self._progress = progress
        self._file = file
        self._until = time.monotonic() + seconds
        self._panels_since = time.time()
        self._fired = set[str]()  # in this run

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return max(0.0, self._until - time.monotonic())

    async def see_health(self) -> None:
        """Note what fires though nothing is wrong."""
        await asyncio.sleep(HEALTHY_SECONDS)
        if early := await self._it.prometheus.firing():
            self._progress.notes.append(f"fires in health: {', '.join(sorted(early))}")
        await self._note_panels()
        say(f"healthy: {self._progress.line()}")

    async def see(self, fault: Fault, number: str) -> None:
        """Cause a fault until its alerts fire, end it, and wait until they have resolved."""
        for _ in range(TRIES):
            wanted = [name for name in fault.alerts if not self._done(name)]
            if not wanted or not self.left:
                return
            began = time.monotonic()
            async with fault.trouble(self._it):
                silent = await self._fires(wanted, began, fault.seconds)
            ended = time.monotonic()
            stuck = await self._resolves(filter(_quick, wanted), ended)
            await self._note_panels()
            say(
                f"{number} {fault.trouble.__name__}: {len(wanted) - len(silent)} of {len(wanted)} "
                f"fired in {ended - began:.0f} s, ended {time.monotonic() - ended:.0f} s later"
                + (f"; silent: {', '.join(sorted(silent))}" if silent else "")
                + (f"; still firing: {', '.join(sorted(stuck))}" if stuck else "")
                + f". {self._progress.line()}"
            )

    async def see_the_end(self) -> None:
        """Wait until nothing fires; what looks back over hours resolves last."""
        names = [alert.name for alert in alerts() if alert.name in self._fired]
        if stuck := await self._resolves(names, time.monotonic(), SLOW_SECONDS):
            say(f"still firing in the end: {', '.join(sorted(stuck))}")
        await self._note_panels()
        say(f"the end: {self._progress.line()}")

    def _done(self, name: str) -> bool:
        """Whether it has resolved, or need only be waited for in the end."""
        return name in self._progress.resolved or (name in self._fired and not _quick(name))

    async def _fires(self, names: Iterable[str], began: float, seconds: float) -> set[str]:
        """Wait until each alert has fired once; gives those that have not."""
        silent = set(names)

        async def seen() -> bool:
            for name in silent & await self._it.prometheus.firing():
                silent.discard(name)
                self._fired.add(name)
                self._progress.fired[name] = round(time.monotonic() - began, 1)
            return not silent

        await eventually(seen, min(seconds, self.left))
        return silent

    async def _resolves(
        self, names: Iterable[str], began: float, seconds: float = RESOLVE_SECONDS
    ) -> set[str]:
        """Wait until none of them fires; gives those that do."""
        asked = {name for name in names if name in self._progress.fired}
        stuck: set[str] = set(asked)

        async def gone() -> bool:
            stuck.intersection_update(await self._it.prometheus.firing())
            return not stuck

        await eventually(gone, min(seconds, self.left + 1))
        for name in asked - stuck:
            self._progress.resolved.setdefault(name, round(time.monotonic() - began, 1))
        return stuck

    async def _note_panels(self) -> None:
        """Note the queries that have had data since they were last looked at, and save."""
        since, self._panels_since = self._panels_since, time.time()
        for expr in queries():
            if expr in self._progress.answered:
                continue
            told = await self._it.prometheus.ask(
                "query_range", query=expr.replace(WINDOW, "5s"),
                start=str(since), end=str(self._panels_since), step="2",
            )  # fmt: skip
            values = [value for each in told["result"] for _, value in each["values"]]
            if any(value != "NaN" for value in values):
                self._progress.answered.add(expr)
        self._progress.save(self._file)


def _quick(name: str) -> bool:
    return not ("Burn" in name and name.endswith("Slow"))


@asynccontextmanager
async def loaded(it: Installation) -> AsyncIterator[None]:
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
