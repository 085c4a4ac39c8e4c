"""One run: start, post, break, wait, judge."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.clients import Customers, Receiver, receiving
from tests.chaos.faults import Saboteur, plan
from tests.chaos.installation import Installation, installed
from tests.chaos.options import Options
from tests.chaos.oracle import Verdict, judge, settled, unfinished
from tests.chaos.recovery import Recovery

PROGRESS_SECONDS = 5


@dataclass(frozen=True)
class Report:
    """What a run found."""

    verdict: Verdict
    faults: dict[str, int]
    recovery: Recovery
    dirty_exits: int

    @property
    def failed(self) -> bool:
        """Whether a promise was broken."""
        return self.verdict.violated or bool(self.dirty_exits)

    def lines(self) -> list[str]:
        """Sum it up."""
        verdict = self.verdict
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        found = [*verdict.lost, *verdict.stuck, *verdict.wrong]
        return [
            *found[:20],
            *([f"and {len(found) - 20} more"] if len(found) > 20 else []),
            f"faults {sum(self.faults.values())}: {faults}",
            f"recovery of {len(self.recovery.seconds)} processes of killed workers: "
            f"p50 {self.recovery.quantile(0.5):.1f} s, p99 {self.recovery.quantile(0.99):.1f} s",
            f"ends after SIGTERM with another status than 0: {self.dirty_exits}",
            verdict.line(),
        ]


async def run_chaos(directory: Path, options: Options, say: Callable[[str], None]) -> Report:
    """Do a run in an empty directory."""
    async with installed(directory, options) as installation, receiving(options.seed) as receiver:
        recovery = Recovery(installation.dsn)
        saboteur = Saboteur(installation, options, recovery)
        customers = Customers(installation, options, receiver.url)
        progress = asyncio.create_task(
            _tell(say, options, installation, customers, saboteur, receiver)
        )
        try:
            await asyncio.gather(customers.post_all(), saboteur.run(plan(options)))
            await settled(installation.dsn, options.settle_seconds)
            async with asyncio.timeout(options.settle_seconds):
                await recovery.finish()
        finally:
            progress.cancel()
        return Report(
            verdict=await judge(installation, customers, receiver),
            faults=saboteur.done,
            recovery=recovery,
            dirty_exits=sum(
                each.dirty_exits for each in (*installation.apis, *installation.workers)
            ),
        )


async def _tell(
    say: Callable[[str], None],
    options: Options,
    installation: Installation,
    customers: Customers,
    saboteur: Saboteur,
    receiver: Receiver,
) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        left = await unfinished(installation.dsn)
        say(
            f"{time.monotonic() - began:5.0f} s: accepted {len(customers.accepted)} of "
            f"{options.processes}, unfinished {left if left >= 0 else '?'}, "
            f"callbacks {receiver.total}, faults {sum(saboteur.done.values())}"
        )
