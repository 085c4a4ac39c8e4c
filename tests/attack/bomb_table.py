"""Every bomb through a real child: how it ended, after how long, and how long it might take.

A file that is refused must be so within 0.1 s. One that is within the limits may take what is
predicted of it, and those 0.1 s; or three times what an ordinary image of its format takes for as
many pixels, gone over as often, if that is more: predictions are of photographs.
That holds for the child's processor and by the clock, each the least of a few tries; where the
machine does other things too, the clock alone says little. What is ended by its deadline has had
all of that.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec
import numpy as np
import psutil

from engine.errors import DarkroomError
from engine.limits import EngineLimits
from service.errors import RenderCrashed, RenderTimeout
from service.sandbox.parent import Sandbox
from service.sandbox.protocol import ChildExit, Output, Reason, Summary, Work
from tests.attack.bombs import BOMBS, Bomb
from tests.attack.findings import Findings
from tests.engine.images import Pixels, encoded, smooth

REFUSED_SECONDS = 0.1
SPREAD = 3.0  # between images of the same size
TRIES = 3  # of what is neither quick nor long
LONG_SECONDS = 2.0
DEADLINE = 20.0
TICK_SECONDS = 0.01  # in which the kernel counts the processor's time
JOB = msgspec.json.encode({
    "destination": "o.png", "keep": ["copyright"],
    "transformations": [{"type": "resize", "width": 100}],
})  # fmt: skip
TILE, TILES = 750, 4
PIXELS = (TILE * TILES) ** 2
HONEST: dict[str, Callable[[Pixels], bytes]] = {
    "PNG": encoded,
    "JPEG": lambda pixels: encoded(pixels, "JPEG"),
    "GIF": lambda pixels: encoded(pixels, "GIF"),
    "WebP": lambda pixels: encoded(pixels, "WEBP", lossless=True, method=0),
    "TIFF": lambda pixels: encoded(pixels, "TIFF", compression="tiff_deflate"),
    "AVIF": lambda pixels: encoded(pixels, "AVIF", speed=10),
}
LIMITS = EngineLimits(allow_svg=True)


@dataclass
class Row:
    """One bomb, and what became of it."""

    name: str
    bytes: int
    outcome: str
    seconds: float
    """Of the child's processor."""
    wall: float
    """Seconds by the clock."""
    allowed: float
    """Seconds it might take."""

    @property
    def held(self) -> bool:
        """Whether it did what is promised."""
        longest = max(self.seconds, self.wall)
        return longest <= self.allowed and self.outcome not in {"internal", "render_crashed"}

    def __str__(self) -> str:
        """Write it as a row of a table."""
        times = (self.seconds, self.wall, self.allowed)
        words = " | ".join(f"{each * 1000:.0f}" for each in times)
        end = "" if self.held else " **gave way**"
        return f"| {self.name} | {self.bytes:,} | `{self.outcome}` | {words} |{end}"


@dataclass
class Table:
    """Throws bombs at a sandbox, and takes down what becomes of them."""

    sandbox: Sandbox
    rates: dict[str, float] = field(default_factory=dict)
    """Seconds for each pixel of an honest image, by the first word of a bomb's name."""

    async def learn(self) -> None:
        """Take the time of an ordinary image of each format, at least a tick of its clock."""
        pixels = np.tile(smooth(TILE, TILE), (TILES, TILES, 1))
        for name, make in HONEST.items():
            _, seconds, _, _ = await self._least(make(pixels))
            self.rates[name] = max(TICK_SECONDS, seconds) / PIXELS

    async def throw(self, name: str, bomb: Bomb) -> Row:
        """Give the row of a bomb."""
        data = bomb.make()
        outcome, seconds, wall, summary = await self._least(data)
        allowed = REFUSED_SECONDS
        if outcome == "done":
            rate = self.rates.get(name.split(maxsplit=1)[0].strip(","), 0.0)
            usual = SPREAD * rate * summary.source_pixels * bomb.passes
            allowed += max(usual, summary.predicted_seconds)
        return Row(name, len(data), outcome, seconds, wall, allowed)

    async def _least(self, data: bytes) -> tuple[str, float, float, Summary]:
        """Give the outcome, the least seconds of the processor and the clock, and the summary."""
        tries = []
        with tempfile.TemporaryFile() as source:
            source.write(data)
            source.flush()
            for _ in range(TRIES):
                spent = await self._spent()
                began = time.monotonic()
                outcome, seconds, summary = await self._render(source, spent)
                tries.append((seconds, time.monotonic() - began))
                if not REFUSED_SECONDS < tries[-1][1] < LONG_SECONDS:
                    break
        seconds, wall = (min(each) for each in zip(*tries, strict=True))
        return outcome, seconds, wall, summary

    async def _render(self, source: BinaryIO, spent: float) -> tuple[str, float, Summary]:
        """Give the outcome, the seconds since a child had `spent` so many, and the summary."""
        work = Work(owner="", source=source, jobs=(JOB,), deadline=DEADLINE, limits=LIMITS)
        try:
            async with self.sandbox.render(work) as rendering:
                [result] = [each async for each in rendering]
                seconds = await self._spent() - spent
                if not isinstance(result.outcome, Output):
                    return result.outcome.code, seconds, Summary()
                result.outcome.file.close()
                return "done", seconds, rendering.summary or Summary()
        except (RenderCrashed, RenderTimeout) as error:
            return error.code, DEADLINE, Summary()
        except DarkroomError as error:
            return error.code, await self._spent() - spent, Summary()

    async def _spent(self) -> float:
        """Give the seconds of processor that the child has had; wait for one if it was killed."""
        while not self.sandbox.pids:
            await asyncio.sleep(0.01)
        [pid] = self.sandbox.pids
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system


async def throw_bombs(bombs: dict[str, Bomb] = BOMBS) -> tuple[Findings, list[Row]]:
    """Throw all bombs at a child; a breach is one that takes longer, or kills it."""
    findings, rows = Findings("bombs in a child"), []
    exits: list[ChildExit] = []
    async with Sandbox(1, on_exit=exits.append) as sandbox:
        table = Table(sandbox)
        await table.learn()
        for name, bomb in bombs.items():
            row = await table.throw(name, bomb)
            rows.append(row)
            findings.tried += 1
            if not row.held:
                findings.breach(
                    f"{row.name}: {row.outcome} after {row.seconds:.2f} s, {row.wall:.2f} s"
                )
    due = {Reason.RECYCLED, Reason.SHUTDOWN, Reason.TIMEOUT}
    findings.breaches += [f"a child {end.message}" for end in exits if end.reason not in due]
    slowest = max(rows, key=lambda row: row.seconds)
    findings.notes.append(f"slowest {slowest.seconds * 1000:.0f} ms, {slowest.name}")
    return findings, rows


def table(rows: list[Row]) -> Iterator[str]:
    """Write all rows as a table."""
    yield "| bomb | bytes | outcome | processor, ms | clock, ms | may take, ms |"
    yield "| --- | ---: | --- | ---: | ---: | ---: |"
    yield from map(str, rows)
