"""Children that crash in the middle of it all, and how long anybody notices."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from service.sandbox.parent import Sandbox
from service.sandbox.protocol import ChildExit, Reason

SECONDS = 1.0  # within which a crash is to be over: told to its caller, its child replaced
LONGEST_SECONDS = 30.0
SIGNALS = (
    signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP,
    signal.SIGKILL,
)  # fmt: skip

UNSEEN = {
    (Reason.CRASHED, "was gone when its work came"),
    (Reason.PROTOCOL, "closed its connection"),  # and was long in dying, on a busy machine
}
"""Ends of a killed child whose signal the sandbox does not see."""


@dataclass
class Crashes:
    """Kills children, one at a time, and takes the times; all are seconds after the kill.

    A child is stopped first: one that stands still and lives cannot crash by itself before the
    signal ends it, so an end is ours if it is that child's, by that signal where it is seen.
    """

    killed: dict[int, signal.Signals] = field(default_factory=dict)
    """By the process id, what was sent to children whose end is not yet known."""
    ended: set[int] = field(default_factory=set)
    """Those that ended so."""
    told: list[float] = field(default_factory=list)
    """When the caller of the work in the child had its error."""
    replaced: list[float] = field(default_factory=list)
    """When every slot had a living child again."""
    _began: float = 0.0
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def crash_one(self, sandbox: Sandbox, chance: random.Random) -> None:
        """Send a child what a crash would, and wait until another is in its place."""
        async with self._one:
            if len(sandbox.pids) < sandbox.slots:  # another is replaced for its own reasons
                return
            pid, number = chance.choice(sandbox.pids), chance.choice(SIGNALS)
            if not await _stand_still(pid):
                return
            self.killed[pid] = number
            with suppress(ProcessLookupError):  # a SIGKILL needs no second signal
                os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)
            self._began = time.perf_counter()
            async with asyncio.timeout(LONGEST_SECONDS):
                while pid in sandbox.pids or len(sandbox.pids) < sandbox.slots:
                    await asyncio.sleep(0.001)
            self.replaced.append(time.perf_counter() - self._began)

    def explain(self, end: ChildExit) -> bool:
        """Tell whether a child ended by what was sent to it."""
        number = self.killed.pop(end.pid, None)
        ours = number is not None and (
            end.message == f"died of {number.name}" or (end.reason, end.message) in UNSEEN
        )
        if ours:
            self.ended.add(end.pid)
        return ours

    def tell(self, pid: int) -> bool:
        """Note that a work was answered as crashed in a child; False if that was not killed."""
        ours = pid in self.ended or pid in self.killed
        self.ended.discard(pid)  # it answers once, and its id may come again
        if ours:
            self.told.append(time.perf_counter() - self._began)
        return ours

    @property
    def slow(self) -> bool:
        """Whether one was noticed for too long."""
        return max([*self.told, *self.replaced], default=0.0) > SECONDS

    def summary(self) -> Iterator[str]:
        """Say it in lines."""
        for what, times in (("told", self.told), ("replaced", self.replaced)):
            if times:
                p50, p99 = (sorted(times)[int(len(times) * part)] for part in (0.5, 0.99))
                yield (
                    f"  of {len(self.replaced)} children killed, {len(times)} {what} after"
                    f" p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max"
                    f" {max(times) * 1000:.0f} ms"
                )


async def _stand_still(pid: int) -> bool:
    """Stop a process; False if it ended by itself before all its threads stood still."""
    try:
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(LONGEST_SECONDS):
            while (states := _states(pid)) != {"T"}:
                if states & {"Z", "X"}:
                    return False
                await asyncio.sleep(0.001)
    except (ProcessLookupError, FileNotFoundError):
        return False
    return True


def _states(pid: int) -> set[str]:
    """Give the states of all threads, as letters."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return {each.read_text().rpartition(")")[2].split()[0] for each in threads} or {"X"}
