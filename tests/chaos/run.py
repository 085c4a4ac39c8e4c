"""One run: start, post, break, wait, judge."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.chaos.clients import Customers, Receiver, receiving
from tests.chaos.faults import Saboteur, plan
from tests.chaos.installation import Installation, installed
from tests.chaos.options import Options
from tests.chaos.oracle import Verdict, judge, settled, unfinished
from tests.chaos.recovery import Recovery
from tests.chaos.stalls import OVER, Progress, StalledError, watched, what_all_do

PROGRESS_SECONDS = 5


@dataclass(frozen=True)
class Report:
    """What a run found."""

    verdict: Verdict
    faults: dict[str, int]
    recovery: Recovery
    dirty_exits: int
    longest: float
    """Seconds within which 99 of 100 processes of killed workers must be recovered."""
    stalled: str
    """What every part was doing when nothing went on, if that was so."""

    @property
    def failed(self) -> bool:
        """Whether a promise was broken, or the run came to no end."""
        late = self.recovery.quantile(0.99) > self.longest
        return self.verdict.violated or late or bool(self.dirty_exits) or bool(self.stalled)

    def lines(self) -> list[str]:
        """Sum it up."""
        verdict = self.verdict
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        found = [*verdict.lost, *verdict.stuck, *verdict.wrong]
        return [
            *self.stalled.splitlines(),
            *found[:20],
            *([f"and {len(found) - 20} more"] if len(found) > 20 else []),
            f"faults {sum(self.faults.values())}: {faults}",
            f"recovery of {len(self.recovery.seconds)} processes of killed workers: "
            f"p50 {self.recovery.quantile(0.5):.1f} s, p99 {self.recovery.quantile(0.99):.1f} s "
            f"of at most {self.longest:g} s",
            f"ends after SIGTERM with another status than 0: {self.dirty_exits}",
            verdict.line(),
        ]


async def run_chaos(directory: Path, options: Options, say: Callable[[str], None]) -> Report:
    """Do a run in an empty directory; one that comes no further is judged as it is then."""
    async with installed(directory, options) as installation, receiving(options.seed) as receiver:
        run = _Run(installation, options, receiver)
        progress = asyncio.create_task(run.tell(say), name="progress")
        parts = [progress, *(each.task for each in installation.kept if each.task)]
        stalled = ""
        try:
            await watched(
                run.post_and_break(), run.progress(), partial(what_all_do, installation),
                options.stall_seconds, parts,
            )  # fmt: skip
            await settled(installation.dsn, options.settle_seconds)
            await run.recovery.finish(options.settle_seconds)
            if await unfinished(installation.dsn) or run.recovery.waiting:
                stalled = "\n".join(await what_all_do(installation))
        except StalledError as error:
            stalled = str(error)
        finally:
            progress.cancel()
        return await run.report(stalled)


class _Run:
    """What takes part in a run."""

    def __init__(self, installation: Installation, options: Options, receiver: Receiver) -> None:
        self.recovery = Recovery(installation.dsn)
        self._installation = installation
        self._options = options
        self._receiver = receiver
        self._saboteur = Saboteur(installation, options, self.recovery)
        self._customers = Customers(installation, options, receiver.url)
        self._unfinished = 0

    async def post_and_break(self) -> None:
        """Do both until both have ended."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._customers.post_all(), name="customers")
            group.create_task(self._saboteur.run(plan(self._options)), name="faults")

    def progress(self) -> Progress:
        """Tell what must go on."""
        customers, saboteur = self._customers, self._saboteur
        return {
            "posts": lambda: len(customers.accepted) if customers.posting else OVER,
            "processes and callbacks": lambda: (
                (self._unfinished, self._receiver.total) if self._unfinished else OVER
            ),
            "faults": lambda: saboteur.oldest and (saboteur.oldest, self._starts()),
            "recovery": lambda: self.recovery.waiting or OVER,
        }

    def _starts(self) -> int:
        return sum(each.starts for each in self._installation.kept)

    async def tell(self, say: Callable[[str], None]) -> None:
        """Say how far it is, again and again."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            left = self._unfinished = await unfinished(self._installation.dsn)
            say(
                f"{time.monotonic() - began:5.0f} s: accepted {len(self._customers.accepted)} of "
                f"{self._options.processes}, unfinished {left if left >= 0 else '?'}, "
                f"callbacks {self._receiver.total}, faults {sum(self._saboteur.done.values())}"
            )

    async def report(self, stalled: str) -> Report:
        """Judge everything."""
        return Report(
            verdict=await judge(self._installation, self._customers, self._receiver),
            faults=self._saboteur.done,
            recovery=self.recovery,
            dirty_exits=sum(each.dirty_exits for each in self._installation.kept),
            longest=self._options.lease_seconds + self._options.recovery_seconds,
            stalled=stalled,
        )
