"""Rolling restarts under load: one API and one worker after the other, and no request may fail."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path

import aiohttp

from tests.chaos.balancer import balanced
from tests.chaos.clients import Customers, receiving
from tests.chaos.installation import Installation, installed
from tests.chaos.options import Options
from tests.chaos.oracle import Verdict, judge, settled
from tests.chaos.stalls import OVER, StalledError, watched, what_all_do

LEAVE_SECONDS = 1.0  # ten times as long as the balancer takes to see it
READ_SECONDS = 0.1  # between two questions for a status


@dataclass(frozen=True)
class RollingReport:
    """What came of it."""

    verdict: Verdict
    restarts: int
    seconds: float
    reads: int
    failures: list[str]
    dirty_exits: int
    stalled: str
    """What every part was doing when nothing went on, if that was so."""

    @property
    def failed(self) -> bool:
        """Whether a request failed, a promise was broken, or the run came to no end."""
        broken = self.verdict.violated or self.failures or self.dirty_exits or self.stalled
        return bool(broken)

    def lines(self) -> list[str]:
        """Sum it up."""
        verdict = self.verdict
        return [
            *self.stalled.splitlines(),
            *[*verdict.lost, *verdict.stuck, *verdict.wrong, *self.failures][:20],
            f"{self.restarts} rolling restarts in {self.seconds:.0f} s: "
            f"{len(self.failures)} failed of {verdict.accepted} POST and {self.reads} GET",
            f"ends after SIGTERM with another status than 0: {self.dirty_exits}",
            verdict.line(),
        ]


class Reader:
    """Asks for the status of what was accepted, by one request after the other."""

    def __init__(self, customers: Customers, installation: Installation, url: str) -> None:
        self.count = 0
        self.failures: list[str] = []
        self._customers = customers
        self._headers = {"Authorization": f"Bearer {installation.token}"}
        self._url = url

    async def read(self) -> None:
        """Ask until cancelled."""
        chance = random.Random(1)
        async with aiohttp.ClientSession(headers=self._headers) as client:
            while True:
                await asyncio.sleep(READ_SECONDS)
                if known := list(self._customers.accepted):
                    await self._ask(client, chance.choice(known[-500:]))

    async def _ask(self, client: aiohttp.ClientSession, process_id: str) -> None:
        self.count += 1
        try:
            async with client.get(f"{self._url}/request/{process_id}") as answer:
                told = await answer.text()
                if answer.status != 200:
                    self.failures.append(f"GET: {answer.status} {told}")
        except aiohttp.ClientError as error:
            self.failures.append(f"GET: {error!r}")


async def run_rolling(
    directory: Path, options: Options, say: Callable[[str], None]
) -> RollingReport:
    """Restart everything in turn, `rollings` times, while customers post."""
    async with (
        installed(directory, options, leave_seconds=LEAVE_SECONDS) as installation,
        receiving(options.seed) as receiver,
        balanced(installation.urls) as url,
    ):
        customers = Customers(installation, options, receiver.url, [url])
        reader = Reader(customers, installation, url)
        began = time.monotonic()

        async def restart() -> None:
            for number in range(1, options.rollings + 1):
                await _restart_in_turn(installation)
                failed = len(customers.failed) + len(reader.failures)
                say(
                    f"{time.monotonic() - began:5.0f} s: {number} of {options.rollings} restarts, "
                    f"accepted {len(customers.accepted)}, failed {failed}"
                )
            customers.stopped = True

        async def restart_and_post() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(customers.post_all(), name="customers")
                group.create_task(restart(), name="restarts")

        reading = asyncio.create_task(reader.read(), name="reader")
        stalled = ""
        try:
            await watched(
                restart_and_post(),
                {
                    "posts": lambda: len(customers.accepted) if customers.posting else OVER,
                    "restarts": lambda: sum(each.starts for each in installation.kept),
                },
                partial(what_all_do, installation),
                options.stall_seconds,
                [reading, *(each.task for each in installation.kept if each.task)],
            )
            await settled(installation.dsn, options.settle_seconds)
        except StalledError as error:
            stalled = str(error)
        finally:
            reading.cancel()
        seconds = time.monotonic() - began
        return RollingReport(
            verdict=await judge(installation, customers, receiver),
            restarts=options.rollings,
            seconds=seconds,
            reads=reader.count,
            failures=[*customers.failed, *reader.failures],
            dirty_exits=sum(each.dirty_exits for each in installation.kept),
            stalled=stalled,
        )


async def _restart_in_turn(installation: Installation) -> None:
    """Restart one API with one worker, then the next ones."""
    for pair in zip_longest(installation.apis, installation.workers):
        await asyncio.gather(*(each.restart() for each in pair if each is not None))
