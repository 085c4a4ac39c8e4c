"""What is done to the installation, and when: all of it from one seed."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil
import redis.asyncio

from service.embedded import EmbeddedServer
from tests.chaos.installation import Folder, Installation
from tests.chaos.keeper import Kept
from tests.chaos.options import Options
from tests.chaos.recovery import Recovery

KILLED = ("worker", "worker", "child", "api")  # how often each, of all kills
ABSENT_SECONDS = 0.05  # until a victim that is away is looked for again
QUIET = 0.1  # the part of a run, at its beginning and its end, in which nothing is broken


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is done, so many seconds after the beginning, for so many seconds."""

    at: float
    kind: str
    seconds: float


def plan(options: Options) -> list[Fault]:
    """Choose the faults of a run; the same for the same options."""
    chance = random.Random(options.seed)
    longest = min(12.0, options.seconds / 6)
    kinds = [
        *(f"kill {chance.choice(KILLED)}" for _ in range(options.kills)),
        *["wipe valkey"] * options.wipes,
        *["kill valkey"] * options.wipes,
        *["kill postgres"] * options.postgres_kills,
        *(
            f"stop {who}"
            for who in ("api", "worker", "child", "valkey", "postgres")
            for _ in range(options.hangs)
        ),
        *["storage away"] * options.outages,
        *["disk full"] * options.outages,
        *["rolling restart"] * options.rollings,
    ]
    span = options.seconds
    return sorted(
        Fault(chance.uniform(QUIET * span, (1 - QUIET) * span), kind, chance.uniform(1, longest))
        for kind in kinds
    )


class Saboteur:
    """Does what is planned; `done` counts each kind."""

    def __init__(self, installation: Installation, options: Options, recovery: Recovery) -> None:
        self.done: dict[str, int] = {}
        self._running: dict[Fault, None] = {}
        self._installation = installation
        self._recovery = recovery
        self._chance = random.Random(options.seed + 1)
        self._stop_seconds = 1.5 * options.lease_seconds

    async def run(self, faults: list[Fault]) -> None:
        """Do everything at its time; faults may overlap, but for those of one server."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(began + fault.at - asyncio.get_running_loop().time())
                group.create_task(self._do(fault), name=fault.kind)

    @property
    def oldest(self) -> Fault | None:
        """What has been being done for longest."""
        return next(iter(self._running), None)

    async def _do(self, fault: Fault) -> None:
        what, who = fault.kind.split(" ", 1)
        act: Callable[[Fault, str], Awaitable[bool]] = getattr(self, f"_{what}")
        self._running[fault] = None
        done = await act(fault, who)
        del self._running[fault]
        if done:
            self.done[fault.kind] = self.done.get(fault.kind, 0) + 1

    async def _kill(self, _: Fault, who: str) -> bool:
        if who == "child":
            while self._signal_child(signal.SIGKILL) is None:
                await asyncio.sleep(ABSENT_SECONDS)
            return True
        if who in {"postgres", "valkey"}:
            server = self._server(who)
            async with self._installation.locks[who]:
                await server.kill()
                await server.start()
            return True
        victim = self._one_of(who)
        while not (pid := victim.pid) or not victim.signal(signal.SIGKILL):
            await asyncio.sleep(ABSENT_SECONDS)
        if who == "worker":
            self._recovery.watch(pid)
        return True

    async def _stop(self, fault: Fault, who: str) -> bool:
        """Freeze it for a while; a worker at times for longer than its lease."""
        if who in {"postgres", "valkey"}:
            async with self._installation.locks[who]:
                group = self._server(who).pid
                os.killpg(group, signal.SIGSTOP)
                await asyncio.sleep(min(4, fault.seconds))
                os.killpg(group, signal.SIGCONT)
            return True
        pid = self._signal_child(signal.SIGSTOP) if who == "child" else self._one_of(who).pid
        if not pid:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(self._stop_seconds if who == "worker" else fault.seconds)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        return True

    async def _wipe(self, _: Fault, who: str) -> bool:
        async with self._installation.locks[who]:
            client = redis.asyncio.Redis.from_url(self._installation.valkey.url)
            await client.flushall()
            await client.aclose()
        return True

    async def _storage(self, fault: Fault, _: str) -> bool:
        async with self._installation.locks["storage"]:
            hangs = self._chance.random() < 0.5
            async with self._installation.storage.blackout(hangs=hangs):
                await asyncio.sleep(fault.seconds)
        return True

    async def _disk(self, fault: Fault, _: str) -> bool:
        storage = self._installation.storage
        if not isinstance(storage, Folder) or not storage.can_be_full:
            return False
        async with self._installation.locks["storage"], storage.full():
            await asyncio.sleep(fault.seconds)
        return True

    async def _rolling(self, _: Fault, __: str) -> bool:
        for each in (*self._installation.apis, *self._installation.workers):
            await each.restart()
        return True

    def _one_of(self, who: str) -> Kept:
        there = self._installation.apis if who == "api" else self._installation.workers
        return self._chance.choice(there)

    def _server(self, who: str) -> EmbeddedServer:
        return self._installation.postgres if who == "postgres" else self._installation.valkey

    def _signal_child(self, number: signal.Signals) -> int | None:
        """Signal one of the workers' children: who has worked more is the likelier to be hit."""
        children = [child for each in self._installation.workers for child in each.children()]
        if not children:
            return None
        try:
            worked = [sum(child.cpu_times()[:2]) for child in children]
            [victim] = self._chance.choices(children, worked)
            os.kill(victim.pid, number)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return None
        return victim.pid
