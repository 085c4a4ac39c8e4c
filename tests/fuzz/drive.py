"""Spoiled files through the real children, and what became of each."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec

from engine.errors import DarkroomError
from engine.limits import EngineLimits
from service.errors import RenderCrashed
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import ChildExit, Output, Reason, Work
from tests.engine.images import encoded, smooth
from tests.fuzz.crashes import Crashes
from tests.fuzz.mutate import Case, case

DONE = "done"
KILLED = "killed by us"
UNEXPECTED = {"internal", RenderCrashed.code}
SECONDS = 20.0  # for one file
BASE = encoded(smooth(40, 30))
# A spoiled length may ask for any size; what is within the limits must be quick.
LIMITS = EngineLimits(max_source_pixels=2_000_000, max_output_pixels=4_000_000, allow_svg=True)


@dataclass
class Findings:
    """What became of the files: how often each code came, and the seeds worth a look."""

    codes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    seeds: dict[str, list[int]] = field(default_factory=dict)
    deaths: list[ChildExit] = field(default_factory=list)
    """How children ended whose time had not come, and that we did not kill."""
    unexpected: list[str] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)
    crashes: Crashes = field(default_factory=Crashes)

    def note_exit(self, end: ChildExit) -> None:
        """Take down how a child ended."""
        explained = self.crashes.explain(end)
        if not explained and end.reason not in {Reason.RECYCLED, Reason.SHUTDOWN}:
            self.deaths.append(end)

    @property
    def files(self) -> int:
        """How many were tried."""
        return self.codes.total()

    def note(self, tried: Case, outcome: Output | DarkroomError, seconds: float) -> None:
        """Take down what became of a file."""
        code = DONE if isinstance(outcome, Output) else outcome.code
        if isinstance(outcome, RenderCrashed) and self.crashes.tell(outcome.pid):
            code = KILLED
        self.codes[code] += 1
        self.kinds[tried.kind.split()[0], code] += 1
        self.seeds.setdefault(code, []).append(tried.seed)
        self.slowest = max(self.slowest, (seconds, tried.seed))
        if code in UNEXPECTED:
            self.unexpected.append(f"seed {tried.seed} ({tried.kind}): {code}: {outcome}")

    def summary(self) -> Iterator[str]:
        """Say it in lines."""
        yield f"{self.files} files, slowest {self.slowest[0]:.1f} s (seed {self.slowest[1]})"
        for code, count in self.codes.most_common():
            rare = f"  seeds {self.seeds[code][:8]}" if count <= 50 and code != DONE else ""
            yield f"  {count:6} {code}{rare}"
        for kind in sorted({kind for kind, _ in self.kinds}):
            told = {code: n for (of, code), n in sorted(self.kinds.items()) if of == kind}
            yield f"  {kind:5} " + ", ".join(f"{code} {count}" for code, count in told.items())
        yield from self.crashes.summary()
        ends = Counter(f"{end.reason}: {end.message}" for end in self.deaths)
        yield f"  children that died by themselves: {len(self.deaths)}"
        yield from (f"  children {message} × {count}" for message, count in ends.most_common())
        yield from (f"  UNEXPECTED {message}" for message in self.unexpected)


async def fuzz(
    seeds: Iterable[int],
    slots: int = 2,
    progress: Callable[[Findings], None] | None = None,
    only: str | None = None,
    crash_every: int = 0,
) -> Findings:
    """Send the cases of some seeds through a sandbox with so many children.

    `only` names the format of all files. While every `crash_every`th file is tried, a child is
    killed as a crash would kill it.
    """
    findings = Findings()
    waiting = iter(seeds)
    async with Sandbox(slots, on_exit=findings.note_exit) as sandbox:

        async def keep_on() -> None:
            for seed in waiting:
                tried, began = case(seed, only), time.perf_counter()
                async for outcome in _outcomes(sandbox, tried):
                    findings.note(tried, outcome, time.perf_counter() - began)
                if crash_every and seed % crash_every == 0:
                    await findings.crashes.crash_one(sandbox, random.Random(seed))
                if progress is not None:
                    progress(findings)

        await asyncio.gather(*(keep_on() for _ in range(slots + 1)))
    return findings


async def _outcomes(sandbox: Sandbox, tried: Case) -> AsyncIterator[Output | DarkroomError]:
    with ExitStack() as files:
        spoiled = files.enter_context(_file_of(tried.data))
        base = files.enter_context(_file_of(BASE))
        work = Work(
            owner="",
            source=base if tried.as_watermark else spoiled,
            inputs={"mark": spoiled} if tried.as_watermark else {},
            jobs=(msgspec.json.encode(tried.job),),
            deadline=SECONDS,
            limits=LIMITS,
        )
        try:
            async with sandbox.render(work) as rendering:
                async for result in rendering:
                    if isinstance(result.outcome, Output):
                        result.outcome.file.close()
                    yield result.outcome
        except DarkroomError as error:
            yield error


def _file_of(data: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asks closes it
    file.write(data)
    file.flush()
    return file
