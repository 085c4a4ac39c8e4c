"""Children that crash in the middle of it all, and how long anybody notices."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from service.sandbox.parent import Sandbox

SECONDS = 1.0  # within which a crash is to be over: told to its caller, its child replaced
LONGEST_SECONDS = 30.0
SIGNALS = (
    signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP,
    signal.SIGKILL,
)  # fmt: skip


@dataclass
class Crashes:
    """Kills children, one at a time, and takes the times; all are seconds after the kill."""

    pids: set[int] = field(default_factory=set)
    """The children that were killed."""
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
            pid = chance.choice(sandbox.pids)
            with suppress(ProcessLookupError):
                os.kill(pid, chance.choice(SIGNALS))
            self._began = time.perf_counter()
            self.pids.add(pid)
            async with asyncio.timeout(LONGEST_SECONDS):
                while pid in sandbox.pids or len(sandbox.pids) < sandbox.slots:
                    await asyncio.sleep(0.001)
            self.replaced.append(time.perf_counter() - self._began)

    def tell(self) -> bool:
        """Note that a work was answered as crashed; False if no kill explains that."""
        explained = len(self.told) < len(self.pids)
        if explained:
            self.told.append(time.perf_counter() - self._began)
        return explained

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
                    f"  of {len(self.pids)} children killed, {len(times)} {what} after"
                    f" p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max"
                    f" {max(times) * 1000:.0f} ms"
                )
